"""Focal losses: cross entropy times a power of how wrong the prediction is."""

import torch
import torch.nn.functional as F
from torch import Tensor

from losses.base import Loss, ModulatedLoss
from losses.checks import choice, number
from losses.cross_entropy import binary_cross_entropy, cross_entropy, modulated_bce, residual
from losses.registry import register_loss


def focal_loss(logits: Tensor, label: Tensor, gamma: float = 2.0, alpha: float | None = 0.25) -> Tensor:
    """Compute the ``binary`` form of ``Focal`` at each location."""
    loss = modulated_bce(_wrong_power, logits, label, gamma)
    return loss if alpha is None else loss * torch.lerp(1 - label, label, alpha)


def focal_modulation(logits: Tensor, label: Tensor, gamma: float = 2.0) -> Tensor:
    """Compute (1 - p_t)^gamma with p_t = p y + (1 - p)(1 - y)."""
    return _wrong_power(logits.sigmoid(), (-logits).sigmoid(), label, gamma)[0]


def _wrong_power(p: Tensor, rest: Tensor, label: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """Compute (1 - p_t)^gamma and its derivative by the logit.

    1 - p_t is computed as (1 - y) p + y (1 - p), whose digits do not cancel. The derivative contains
    p (1 - p) / (1 - p_t) <= 1, because gamma (1 - p_t)^(gamma - 1) is infinite at p_t = 1 for gamma < 1.
    """
    wrong = _positive((1 - label) * p + label * rest)
    factor = wrong.pow(gamma)
    return factor, factor * (gamma * (1 - 2 * label)) * (p * rest / wrong)


def _positive(value: Tensor) -> Tensor:
    """Raise zeros to the least positive number, so that powers and quotients are finite."""
    return value.clamp_min(torch.finfo(value.dtype).tiny)


def _error_power(p: Tensor, rest: Tensor, label: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """Compute |p - y|^beta and its derivative by the logit, which is 0 at p = y for every beta."""
    signed = residual(p, rest, label)
    error = _positive(signed.abs())
    factor = error.pow(beta)
    return factor, factor * (beta * signed.sign()) * (p * rest / error)


@register_loss("focal")
class Focal(ModulatedLoss):
    """Focal loss: FL = -alpha_t (1 - p_t)^gamma log p_t.

    ``binary``: p_t = p for y = 1, 1 - p for y = 0; alpha_t = alpha or 1 - alpha. A soft label mixes the two
    sides of p_t, alpha_t and the cross entropy, and then the loss is **not** least at p = y: use
    ``quality-focal`` or ``gaussian-focal`` there. ``class``: the softmax form (1 - e^-CE)^gamma CE.

    Dense detection has few foreground and very many background samples. The focal loss meets this by the
    difficulty of each sample; only alpha depends on the class. With few positives prefer ``num_pos``.

    Reference: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, section 3; the softmax form as
    in Cao et al., NeurIPS 2019 (LDAM-DRW).

    Shapes: ``binary`` logits and label ``(N, 1, H, W)`` or any one shape; ``class`` logits ``(N, K)``,
    class indices ``(N,)`` or soft targets ``(N, K)``.

    Args:
        gamma: focusing power, at least 0 (0: cross entropy).
        alpha: weight of positives in [0, 1], None: off; the softmax form has none and ignores it.
        normalizer: what ``mean`` divides by: all samples, or ``num_pos``, those with y > 0.5, at least 1.
        setting: ``binary`` or ``class``.
        reduction: see ``Loss``.

    Example:
        >>> import torch
        >>> Focal(alpha=None, reduction="none")(torch.tensor([0.0, 100.0]), torch.zeros(2))
        tensor([  0.1733, 100.0000])
    """

    setting = "binary"
    settings = ("binary", "class")

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float | None = 0.25,
        normalizer: str = "mean",
        setting: str = "binary",
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction, setting=setting)
        self.gamma = number("gamma", gamma, at_least=0)
        self.alpha = None if alpha is None else number("alpha", alpha, at_least=0, at_most=1)
        self.normalizer = choice("normalizer", normalizer, ("mean", "num_pos"))

    def base_loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute alpha_t BCE, or CE."""
        if self.setting == "class":
            return cross_entropy(prediction, target)
        loss = binary_cross_entropy(prediction, target)
        return loss if self.alpha is None else loss * torch.lerp(1 - target, target, self.alpha)

    def modulation(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute (1 - p_t)^gamma; of a row, 1 - p_y = 1 - exp(-CE)."""
        if self.setting == "binary":
            return focal_modulation(prediction, target, self.gamma)
        wrong = -torch.expm1(-_positive(cross_entropy(prediction, target)))
        return (self.gamma * wrong.log()).exp()

    def pointwise(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Multiply the base by the modulation, for ``binary`` in one pass."""
        if self.setting == "class":
            return super().pointwise(prediction, target)
        return focal_loss(prediction, target, self.gamma, self.alpha)

    def denominator(self, loss: Tensor, target: Tensor, mask: Tensor | None) -> Tensor | int:
        """Return the number of samples or, for ``num_pos``, of positives; a row of ``class`` is one positive."""
        if self.normalizer == "mean" or self.setting == "class":
            return super().denominator(loss, target, mask)
        return _count(target > 0.5, mask)


@register_loss("quality-focal")
class QualityFocal(ModulatedLoss):
    """Quality focal loss: L = |p - y|^beta BCE, the focal loss for soft labels.

    Its least value is 0, at p = y (unlike the focal loss). On labels 0/1 it equals ``focal(beta, None)``.

    Reference: Li et al., "Generalized Focal Loss", NeurIPS 2020, eq. 3.

    Shapes: logits and label ``(N, 1, H, W)``, or any one shape.

    Args:
        beta: focusing power, at least 0 (0: BCE).
        reduction: see ``Loss``.

    Example:
        >>> import torch
        >>> QualityFocal(reduction="none")(torch.tensor([0.0, 0.0]), torch.tensor([0.5, 1.0]))
        tensor([0.0000, 0.1733])
    """

    setting = "binary"

    def __init__(self, beta: float = 2.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.beta = number("beta", beta, at_least=0)

    def base_loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute BCE."""
        return binary_cross_entropy(prediction, target)

    def modulation(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute |p - y|^beta."""
        return _error_power(prediction.sigmoid(), (-prediction).sigmoid(), target, self.beta)[0]

    def pointwise(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Multiply the base by the modulation in one pass."""
        return modulated_bce(_error_power, prediction, target, self.beta)


@register_loss("gaussian-focal")
class GaussianFocal(Loss):
    """Focal loss of a peak: L = -(1-p)^alpha log p at y = 1, -(1-y)^beta p^alpha log(1-p) elsewhere.

    The factor (1-y)^beta lowers the weight of negatives near the peak. Only y = 1 is positive: a Gaussian
    whose centre lies between pixels has no positive at all, so round its centre to the grid. ``mean``
    divides by the number of peaks, at least 1.

    Reference: Law and Deng, "CornerNet", ECCV 2018, eq. 1; Zhou et al., "Objects as Points", 2019, eq. 1.

    Shapes: logits and label ``(N, 1, H, W)``, or any one shape.

    Args:
        alpha: focusing power, at least 0.
        beta: power of 1 - y on negatives, at least 0.
        reduction: see ``Loss``.

    Example:
        >>> import torch
        >>> GaussianFocal(reduction="none")(torch.zeros(3), torch.tensor([1.0, 0.5, 0.0]))
        tensor([0.1733, 0.0108, 0.1733])
    """

    setting = "binary"

    def __init__(self, alpha: float = 2.0, beta: float = 4.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.alpha = number("alpha", alpha, at_least=0)
        self.beta = number("beta", beta, at_least=0)

    def pointwise(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of each location."""
        positive = (self.alpha * F.logsigmoid(-prediction)).exp() * F.softplus(-prediction)
        negative = (1 - target).pow(self.beta) * (self.alpha * F.logsigmoid(prediction)).exp()
        return torch.where(target == 1, positive, negative * F.softplus(prediction))

    def denominator(self, loss: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
        """Return the number of peaks, at least 1."""
        return _count(target == 1, mask)


def _count(positive: Tensor, mask: Tensor | None) -> Tensor:
    return (positive if mask is None else positive * mask).sum().clamp_min(1)
