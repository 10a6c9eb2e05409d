"""Errors dropped by a threshold: hard-negative mining and the hinge of discriminative trackers."""

from torch import Tensor

from losses.base import Loss, ModulatedLoss
from losses.checks import number
from losses.registry import register_loss
from losses.regression import l2_loss


@register_loss("ohnm-l2")
class OHNML2(ModulatedLoss):
    """L2 with online hard-negative mining: L = d² where d² >= threshold, else 0.

    Shrinkage is a smooth form of this baseline, in which a location below the threshold gets no gradient.
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
        """Compute d²."""
        return l2_loss(prediction, target)

    def modulation(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return 1 where d² reaches the threshold, else 0."""
        return (l2_loss(prediction, target) >= self.threshold).to(prediction.dtype)


@register_loss("lbhinge")
class LBHinge(Loss):
    """Squared error with a hinge on background: L = (r - y)², but max(r, 0)² where y < threshold.

    A negative response on background costs nothing, so that the filter spends no capacity on the exact
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
        """Compute the hinged squared error of each location."""
        background = target < self.threshold
        hinged = prediction.where(~background, prediction.relu())
        return l2_loss(hinged, target.masked_fill(background, 0))
