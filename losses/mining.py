"""Errors dropped by a threshold: hard-negative mining and the hinge of discriminative trackers."""

from torch import Tensor

from losses.base import Loss, ModulatedLoss
from losses.checks import number
from losses.registry import register_loss
from losses.regression import l2_loss


def ohnm_modulation(squared_error: Tensor, threshold: float = 0.01) -> Tensor:
    """1 where the squared error reaches the threshold, else 0."""
    return (squared_error >= threshold).to(squared_error.dtype)


def lbhinge_loss(response: Tensor, label: Tensor, threshold: float = 0.05) -> Tensor:
    """Squared error, but on background (label < threshold) only of a positive response, against 0."""
    background = label < threshold
    return response.where(~background, response.relu()).sub(label.masked_fill(background, 0)).square()


@register_loss("ohnm-l2")
class OHNML2(ModulatedLoss):
    """L2 with online hard-negative mining: L = d² where d² >= threshold, else 0.

    The baseline that shrinkage smooths: an easy location below the threshold gets no gradient at all.
    ``mean`` divides by all locations, not by those kept, so that it does not jump as locations drop out.

    Reference: Lu et al., "Deep Regression Tracking with Shrinkage Loss", ECCV 2018, ablation.

    Shapes: response and label ``(N, 1, H, W)``, or any one shape.

    Args:
        threshold: least squared error that counts, at least 0.
        reduction: see ``Loss``.

    Example:
        >>> import torch
        >>> OHNML2(reduction="none")(torch.tensor([0.05, 0.5]), torch.zeros(2))
        tensor([0.0000, 0.2500])
    """

    setting = "regress"

    def __init__(self, threshold: float = 0.01, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.threshold = number("threshold", threshold, at_least=0)

    def base_loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """d²."""
        return l2_loss(prediction, target)

    def modulation(self, prediction: Tensor, target: Tensor) -> Tensor:
        """1 where d² reaches the threshold."""
        return ohnm_modulation(l2_loss(prediction, target), self.threshold)


@register_loss("lbhinge")
class LBHinge(Loss):
    """Squared error with a hinge on background: L = (r - y)², but max(r, 0)² where y < threshold.

    Background responses may be as negative as they like: the filter spends no capacity on the exact
    shape of the background.

    Reference: Bhat et al., "Learning Discriminative Model Prediction for Tracking", ICCV 2019, section 3.1.

    Shapes: response and label ``(N, 1, H, W)``, or any one shape.

    Args:
        threshold: labels below it are background, at least 0 (0: plain L2).
        reduction: see ``Loss``.

    Example:
        >>> import torch
        >>> LBHinge(reduction="none")(torch.tensor([-3.0, 0.5, 0.5]), torch.tensor([0.0, 0.0, 1.0]))
        tensor([0.0000, 0.2500, 0.2500])
    """

    setting = "regress"

    def __init__(self, threshold: float = 0.05, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.threshold = number("threshold", threshold, at_least=0)

    def pointwise(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Hinged squared error of each location."""
        return lbhinge_loss(prediction, target, self.threshold)
