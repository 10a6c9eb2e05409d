"""Cross entropy of locations, of maps and of classes: the base of the losses on logits.

All of them take logits x and compute in log space: s(x) = sigmoid(x), sp(x) = log(1 + exp(x)).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from losses.base import Loss
from losses.fused import Constant, fused
from losses.registry import register_loss

Modulation = Callable[..., tuple[Tensor, Tensor]]


def binary_cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Compute y sp(-x) + (1 - y) sp(x) of each location; the label may be soft.

    The formula used is x ([x > 0] - y) + sp(-|x|). Both terms have one sign, so that a small loss keeps its
    digits. |x| is written s x with a constant sign s that is never 0: then every derivative at x = 0 is right.
    """
    if not label.requires_grad:
        return fused(bce_and_residual, binary_residual, logits, label)
    sign = logits.new_ones(()).copysign(logits.detach())
    return logits * (0.5 * sign + 0.5 - label) - F.logsigmoid(sign * logits)


def binary_entropy(label: Tensor) -> Tensor:
    """Compute H(y) = -y log y - (1 - y) log(1 - y), the least BCE that a soft label allows; 0 at y = 0 and 1."""
    return -torch.xlogy(label, label) - torch.xlogy(1 - label, 1 - label)


def binary_residual(logits: Tensor, label: Tensor) -> Tensor:
    """Compute s(x) - y, the gradient of BCE by the logit; exact also where 1 - s(x) rounds to 0."""
    return residual(logits.sigmoid(), (-logits).sigmoid(), label)


def residual(p: Tensor, rest: Tensor, label: Tensor) -> Tensor:
    """Compute p - y from p and 1 - p, without the cancellation of p - 1 near a hard label."""
    return (1 - label) * p - label * rest


def bce_and_residual(logits: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Compute BCE and ``binary_residual`` from one exponential, for ``fused``."""
    return _composed(logits, label, *_decomposed(logits))


def _decomposed(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the smaller of s(x) and 1 - s(x); b, which is 1 for a positive logit, else 0; and q = b - s(x).

    q is the smaller value with the logit's sign. s(x) = b - q and 1 - s(x) = 1 - b + q are exact for
    saturated logits.
    """
    lesser = logits.abs().neg_().sigmoid_()
    side = logits.new_ones(()).copysign(logits).mul_(0.5).add_(0.5)
    return lesser, side, lesser.copysign(logits)


def _composed(
    logits: Tensor, label: Tensor, lesser: Tensor, side: Tensor, signed: Tensor
) -> tuple[Tensor, Tensor]:
    """Compute BCE = x (b - y) - log(1 - |q|), two terms of one sign, and s(x) - y = b - y - q."""
    distance = side - label
    return (logits * distance).sub_(lesser.neg_().log1p_()), distance.sub_(signed)


def modulated_bce(
    modulation: Modulation, logits: Tensor, label: Tensor, *constants: Constant, above_entropy: bool = False
) -> Tensor:
    """Compute BCE times a modulation, with one exponential and one logarithm beyond those of the modulation.

    Args:
        modulation: of p = s(x), 1 - p, the label and the constants: the factor of each location and its
            derivative by the logit, both without infinities for saturated logits.
        logits: any shape.
        label: of the same shape; may be soft.
        *constants: further arguments of ``modulation``.
        above_entropy: use BCE - H(y), whose least value is 0, instead of BCE.
    """
    if not label.requires_grad:
        return fused(
            _modulated_and_slope, _modulated_slope, logits, label, modulation, above_entropy, *constants
        )
    factor, _ = modulation(logits.sigmoid(), (-logits).sigmoid(), label, *constants)
    return _bce_above(binary_cross_entropy(logits, label), label, above_entropy) * factor


def _bce_above(loss: Tensor, label: Tensor, above_entropy: bool) -> Tensor:
    return loss - binary_entropy(label) if above_entropy else loss


def _modulated_and_slope(
    logits: Tensor, label: Tensor, modulation: Modulation, above_entropy: bool, *constants: Constant
) -> tuple[Tensor, Tensor]:
    lesser, side, signed = _decomposed(logits)
    factor, change = modulation(side - signed, (1 - side).add_(signed), label, *constants)
    loss, error = _composed(logits, label, lesser, side, signed)
    loss = _bce_above(loss, label, above_entropy)
    slope = error.mul_(factor).add_(change.mul_(loss))
    return loss.mul_(factor), slope


def _modulated_slope(
    logits: Tensor, label: Tensor, modulation: Modulation, above_entropy: bool, *constants: Constant
) -> Tensor:
    p, rest = logits.sigmoid(), (-logits).sigmoid()
    factor, change = modulation(p, rest, label, *constants)
    loss = _bce_above(binary_cross_entropy(logits, label), label, above_entropy)
    return loss * change + residual(p, rest, label) * factor


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Compute -log softmax of the target class, or its mean under a soft target: ``(N,)`` of logits ``(N, K)``.

    For class indices the formula used is sp(logsumexp of the other logits - x_y). It keeps the digits of a
    small loss.
    """
    if target.ndim == 2:
        return -(target * logits.log_softmax(1)).sum(1)
    column = target.unsqueeze(1)
    others = logits.scatter(1, column, -torch.inf).logsumexp(1)
    return F.softplus(others - logits.gather(1, column).squeeze(1))


def as_distribution(target: Tensor, logits: Tensor) -> Tensor:
    """Turn class indices into one-hot rows of the logits' dtype; return soft targets unchanged."""
    if target.ndim == 2:
        return target
    return torch.zeros_like(logits).scatter(1, target.unsqueeze(1), 1)


@register_loss("bce")
class BCE(Loss):
    """Binary cross entropy with logits: L = y sp(-x) + (1 - y) sp(x), gradient s(x) - y.

    With a soft label its least value is H(y) > 0, so the loss never reaches 0: report BCE - H(y).
    All locations have one weight, and the many easy background locations outweigh the rest.

    Reference: Bishop, "Pattern Recognition and Machine Learning", 2006, section 4.3.2.

    Shapes: logits and label ``(N, 1, H, W)``, or any one shape.

    Example:
        >>> import torch
        >>> BCE(reduction="none")(torch.tensor([100.0, 0.0]), torch.tensor([0.0, 1.0]))
        tensor([100.0000,   0.6931])
    """

    setting = "binary"

    def pointwise(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute BCE of each location."""
        return binary_cross_entropy(prediction, target)


@register_loss("ce")
class CE(Loss):
    """Softmax cross entropy: L = logsumexp(x) - x_y, gradient softmax(x) - y.

    It is the baseline of every loss for classes. All samples have one weight, so that frequent classes
    dominate the gradient. With a soft target its least value is the target's entropy.

    Reference: Bishop, "Pattern Recognition and Machine Learning", 2006, section 4.3.4.

    Shapes: logits ``(N, K)``, class indices ``(N,)`` or soft targets ``(N, K)``.

    Example:
        >>> import torch
        >>> CE()(torch.zeros(2, 4), torch.tensor([0, 3]))
        tensor(1.3863)
    """

    setting = "class"

    def pointwise(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute CE of each row."""
        return cross_entropy(prediction, target)


@register_loss("spatial-ce")
class SpatialCE(Loss):
    """Cross entropy of a softmax over the map: L = logsumexp(z) - sum q z, gradient softmax(z) - q.

    One map is one sample and its locations are the classes, so that the target competes with every
    distractor. The density q is the label divided by its sum; a map without a target has the uniform
    density (give it mask 0 to leave it out). The least value is the entropy of q.

    Reference: Danelljan et al., "Probabilistic Regression for Visual Tracking", CVPR 2020 (on a grid).

    Shapes: logits and density ``(N, 1, H, W)``.

    Example:
        >>> import torch
        >>> SpatialCE()(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2))
        tensor(1.3863)
    """

    setting = "spatial"

    def pointwise(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute CE of each map."""
        return cross_entropy(prediction, target)
