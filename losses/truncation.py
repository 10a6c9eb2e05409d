"""Truncation: cross entropy that is 0, or fades, where a sample is already right."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from losses.base import ModulatedLoss
from losses.checks import choice, number
from losses.cross_entropy import (
    binary_cross_entropy,
    binary_entropy,
    binary_residual,
    modulated_bce,
    residual,
)
from losses.registry import register_loss


def hard_truncation(logits: Tensor, label: Tensor, margin: float = 0.5, delta: float | None = None) -> Tensor:
    """Return 0 where a sample is already right, else 1; see ``HardTruncated``."""
    if delta is not None:
        satisfied = binary_residual(logits, label).abs() < delta
    else:
        edge = math.log(margin / (1 - margin))
        satisfied = (label > margin) & (logits > edge) | (label < 1 - margin) & (logits < -edge)
    return (~satisfied).to(logits.dtype)


def soft_truncation(
    logits: Tensor,
    k: float = 10.0,
    gamma: float = 1.0,
    alpha: float | None = None,
    margin: float = 0.5,
) -> tuple[Tensor, Tensor]:
    """Compute the modulations that these logits x have as positive and as negative samples.

    They are alpha s(-k (x - logit m))^gamma and (1 - alpha) s(k (x + logit m))^gamma. The power is computed
    in log space: the gradient of s^gamma is infinite at s = 0 for gamma < 1.
    """
    edge = math.log(margin / (1 - margin))
    positive = (gamma * F.logsigmoid(-k * (logits - edge))).exp()
    negative = (gamma * F.logsigmoid(k * (logits + edge))).exp()
    return (positive, negative) if alpha is None else (alpha * positive, (1 - alpha) * negative)


def soft_truncation_of_error(
    error: Tensor, k: float = 10.0, gamma: float = 1.0, delta: float = 0.2
) -> Tensor:
    """Compute the modulation in ``prob`` space, s(k (e - delta))^gamma of the absolute error e = |s(x) - y|."""
    faded = torch.sigmoid(k * (error - delta))
    return faded.clamp_min(torch.finfo(faded.dtype).tiny).pow(gamma)


def _fading(
    p: Tensor, rest: Tensor, label: Tensor, k: float, gamma: float, delta: float
) -> tuple[Tensor, Tensor]:
    """Compute the modulation f in ``prob`` space and f' = gamma k s(-k (e - delta)) f sign(p - y) p (1 - p)."""
    signed = residual(p, rest, label)
    error = signed.abs()
    factor = soft_truncation_of_error(error, k, gamma, delta)
    return factor, factor * torch.sigmoid(k * (delta - error)) * (gamma * k) * signed.sign() * (p * rest)


@register_loss("hard-truncated")
class HardTruncated(ModulatedLoss):
    """Cross entropy of the samples that are not right yet: L = lambda(y, p) BCE.

    lambda = 1 - [y > m][p > m] - [y < 1-m][p < 1-m] is 0 for a positive above the margin m and for a
    negative below 1 - m, else 1; the gradient takes lambda as a constant. With ``delta``, which suits soft
    labels better, lambda = 0 where |p - y| < delta. A sample that is right gets no gradient and may drift
    back: training oscillates and takes more steps. ``mean`` divides by all samples, not by those kept.

    Reference: Su Jianlin, "From the hard truncation to the softening of loss", 2017 (source document 002).

    Shapes: logits and label ``(N, 1, H, W)``, or any one shape (one-hot ``(N, K)`` for K sigmoids).

    Args:
        margin: in [0.5, 1); unused when ``delta`` is given.
        delta: in (0, 1]; skip a sample whose error is below it.
        reduction: see ``Loss``.

    Example:
        >>> import torch
        >>> HardTruncated(reduction="none")(torch.tensor([1.0, -1.0]), torch.ones(2))
        tensor([0.0000, 1.3133])
    """

    setting = "binary"

    def __init__(self, margin: float = 0.5, delta: float | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.margin = number("margin", margin, at_least=0.5, below=1)
        self.delta = None if delta is None else number("delta", delta, above=0, at_most=1)

    def base_loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute BCE."""
        return binary_cross_entropy(prediction, target)

    def modulation(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return lambda, 0 or 1."""
        return hard_truncation(prediction, target, self.margin, self.delta)


@register_loss("soft-truncated")
class SoftTruncated(ModulatedLoss):
    """Cross entropy that fades smoothly where a sample is right.

    ``space="logit"``: L = alpha s(-k (x - logit m))^gamma sp(-x) for y = 1 and
    (1 - alpha) s(k (x + logit m))^gamma sp(x) for y = 0; a soft label mixes the two, and then the minimum is
    not at p = y. k = 1 is the focal loss, large k the hard truncation, gamma = 0 BCE.

    ``space="prob"``, for soft labels on maps: L = s(k (|p - y| - delta))^gamma (BCE - H(y)). Its least
    value is 0, at p = y. Without subtracting H(y) the loss has a kink there.

    Reference: Su Jianlin, 2017 (source document 002, section 2.2). There are no published defaults: k = 10,
    gamma = 1, margin = .5 and delta = .2 are this project's choice.

    Shapes: logits and label ``(N, 1, H, W)``, or any one shape.

    Args:
        k: steepness, above 0.
        gamma: power of the sigmoid, at least 0.
        alpha: weight of positives in [0, 1], 1 - alpha of negatives; None: both 1.
        margin: in [0.5, 1), probability from which a sample counts as right (``logit``).
        space: ``logit`` or ``prob``.
        delta: error at which half of the loss is left (``prob``).
        subtract_entropy: subtract H(y) from BCE (``prob``).
        reduction: see ``Loss``.

    Example:
        >>> import torch
        >>> SoftTruncated(reduction="none")(torch.tensor([0.0, -1.0]), torch.ones(2))
        tensor([0.3466, 1.3132])
    """

    setting = "binary"

    def __init__(
        self,
        k: float = 10.0,
        gamma: float = 1.0,
        alpha: float | None = None,
        margin: float = 0.5,
        space: str = "logit",
        delta: float = 0.2,
        subtract_entropy: bool = True,
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        self.k = number("k", k, above=0)
        self.gamma = number("gamma", gamma, at_least=0)
        self.alpha = None if alpha is None else number("alpha", alpha, at_least=0, at_most=1)
        self.margin = number("margin", margin, at_least=0.5, below=1)
        self.space = choice("space", space, ("logit", "prob"))
        self.delta = number("delta", delta)
        self.subtract_entropy = subtract_entropy

    def base_loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute BCE, in ``prob`` space less H(y)."""
        loss = binary_cross_entropy(prediction, target)
        return loss - binary_entropy(target) if self.space == "prob" and self.subtract_entropy else loss

    def modulation(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute the fading factor; in ``logit`` space a soft label mixes the factors of its two sides."""
        if self.space == "logit":
            positive, negative = self._sides(prediction)
            return target * positive + (1 - target) * negative
        error = binary_residual(prediction, target).abs()
        return self._of_side(soft_truncation_of_error(error, self.k, self.gamma, self.delta), target)

    def pointwise(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Multiply the base by the modulation, in ``logit`` space each side by its own, and sum the sides."""
        if self.space == "prob":
            constants = self.k, self.gamma, self.delta
            loss = modulated_bce(_fading, prediction, target, *constants, above_entropy=self.subtract_entropy)
            return self._of_side(loss, target)
        positive, negative = self._sides(prediction)
        return target * positive * F.softplus(-prediction) + (1 - target) * negative * F.softplus(prediction)

    def _of_side(self, value: Tensor, label: Tensor) -> Tensor:
        return value if self.alpha is None else value * torch.lerp(1 - label, label, self.alpha)

    def _sides(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        return soft_truncation(logits, self.k, self.gamma, self.alpha, self.margin)


@register_loss("shrinkage-bce")
class ShrinkageBCE(SoftTruncated):
    """Shrinkage on logits: L = s(a (|p - y| - c)) (BCE - H(y)), ``soft-truncated`` in ``prob`` space.

    Shrinkage for trackers that classify: easy locations count less, hard ones keep their cross entropy, and
    the minimum is at p = y for soft labels too.

    Reference: after Lu et al., "Deep Object Tracking with Shrinkage Loss", TPAMI 2020, which replaces BCE in
    classification trackers; this closed form is this project's.

    Shapes: logits and label ``(N, 1, H, W)``, or any one shape.

    Args:
        a: speed of the shrinkage, above 0.
        c: error at which half of the loss is left.
        reduction: see ``Loss``.

    Example:
        >>> import torch
        >>> ShrinkageBCE(reduction="none")(torch.tensor([0.0, 3.0]), torch.tensor([0.5, 0.0]))
        tensor([0.0000, 3.0469])
    """

    def __init__(self, a: float = 10.0, c: float = 0.2, *, reduction: str = "mean") -> None:
        steepness, half = number("a", a, above=0), number("c", c)
        super().__init__(k=steepness, space="prob", delta=half, reduction=reduction)
        self.a, self.c = steepness, half
