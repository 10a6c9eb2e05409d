"""Shrinkage loss: a squared error that shrinks small errors and keeps large ones."""

import torch
from torch import Tensor

from losses.base import ModulatedLoss
from losses.checks import choice, number
from losses.fused import fused
from losses.registry import register_loss
from losses.regression import l2_loss

IMPORTANCES = ("none", "exp", "dslt_code")


def shrinkage_modulation(error: Tensor, a: float = 10.0, c: float = 0.2) -> Tensor:
    """Compute sigmoid(a (l - c)) of the absolute error l: 1/2 at c, .1192 at 0 and .9526 at .5 by default.

    ``torch.sigmoid`` does not overflow in half precision, unlike the textbook's 1/(1 + exp(a (c - l))).
    """
    return torch.sigmoid(a * (error - c))


def shrinkage_importance(label: Tensor, importance: str = "exp") -> Tensor:
    """Compute the weight of each location from its label Y: 1, exp(Y) or the released code's weight.

    ``dslt_code`` is (Y exp(1.6 Y) / max over the map)², which is 0, not 1, on pure background: the released
    code fits the target only. A map without a target has weight 0 everywhere.
    """
    if importance == "none":
        return label.new_ones(()).expand_as(label)
    if importance == "exp":
        return label.exp()
    if label.ndim != 4:
        raise ValueError(
            f"importance 'dslt_code' divides by each map's maximum: the label must be (N, 1, H, W), "
            f"got {tuple(label.shape)}"
        )
    weight = label * (1.6 * label).exp()
    peak = weight.amax((1, 2, 3), keepdim=True).clamp_min(torch.finfo(weight.dtype).tiny)
    return (weight / peak).square()


def shrinkage_loss(
    response: Tensor, label: Tensor, a: float = 10.0, c: float = 0.2, importance: str = "exp"
) -> Tensor:
    """Compute the loss ``Shrinkage`` of each location."""
    if label.requires_grad:
        error = (response - label).abs()
        weight = shrinkage_importance(label, importance)
        return weight * error.square() * shrinkage_modulation(error, a, c)
    return fused(_loss_and_slope, _slope, response, label, a, c, importance)


def _slope(response: Tensor, label: Tensor, a: float, c: float, importance: str) -> Tensor:
    """Compute the derivative w d f (2 + a l (1 - f))."""
    difference = response - label
    error = difference.abs()
    modulation = shrinkage_modulation(error, a, c)
    weighted = difference * modulation * shrinkage_importance(label, importance)
    return weighted * (2 + a * error * (1 - modulation))


def _loss_and_slope(
    response: Tensor, label: Tensor, a: float, c: float, importance: str
) -> tuple[Tensor, Tensor]:
    difference = response - label
    error = difference.abs()
    modulation = (error - c).mul_(a).sigmoid_()
    scaled = difference * modulation
    if importance != "none":
        scaled.mul_(shrinkage_importance(label, importance))
    slope = modulation.neg_().add_(1).mul_(error).mul_(a).add_(2).mul_(scaled)
    return scaled.mul_(difference), slope


@register_loss("shrinkage")
class Shrinkage(ModulatedLoss):
    """Shrinkage loss: L = w(Y) · l² / (1 + exp(a (c - l))), l = |response - label|.

    Its gradient is w sign(d) (2 l f + a l² f (1-f)) with f = sigmoid(a (l - c)). A location keeps the share
    f of its squared error: at least f(0) = .119 by default, and nearly all of a large error. At l = .8 the
    loss is .638, that of L2 .64 and that of L3 .512. Use it on a response map of mostly easy background.
    With the defaults it is convex on [0, 1], but not for every a and c.

    Reference: Lu et al., "Deep Regression Tracking with Shrinkage Loss", ECCV 2018, section 3.2. The
    paper's regulariser lambda ||W||² is the optimiser's weight decay.

    Shapes: response and label ``(N, 1, H, W)``; without ``dslt_code`` any one shape.

    Args:
        a: speed of the shrinkage, above 0 (large: a hard threshold at c).
        c: error at which half of the loss is left.
        importance: weight w of a location by its label Y in [0, 1]: ``exp`` exp(Y), the paper's form;
            ``none`` 1; ``dslt_code`` the released code's (Y exp(1.6 Y) / max)², 0 on background, the maximum
            over the map's locations that are not masked.
        reduction: see ``Loss``; the paper sums over the map.

    Example:
        >>> import torch
        >>> Shrinkage(reduction="none")(torch.tensor([0.3, -0.8]), torch.zeros(2))
        tensor([0.0658, 0.6384])
    """

    setting = "regress"

    def __init__(
        self, a: float = 10.0, c: float = 0.2, importance: str = "exp", *, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction=reduction)
        self.a = number("a", a, above=0)
        self.c = number("c", c)
        self.importance = choice("importance", importance, IMPORTANCES)

    def base_loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute w(Y) d²."""
        return l2_loss(prediction, target) * shrinkage_importance(target, self.importance)

    def modulation(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute sigmoid(a (l - c))."""
        return shrinkage_modulation((prediction - target).abs(), self.a, self.c)

    def pointwise(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Multiply the base by the modulation, computing the error once."""
        return shrinkage_loss(prediction, target, self.a, self.c, self.importance)
