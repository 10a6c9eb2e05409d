"""Powers of the error d = prediction - target, l = |d|: L2, L3 and the focal form of regression."""

from torch import Tensor

from losses.base import ModulatedLoss
from losses.checks import number
from losses.registry import register_loss


def l2_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Compute the squared error d² of each location."""
    return (prediction - target).square()


@register_loss("l2")
class L2(ModulatedLoss):
    """Squared error: L = d², gradient 2d.

    L2 is the data term of ridge regression and of correlation filters: ``reduction="sum"`` with the
    optimiser's weight decay. Every location has the same weight, so that on a response map the thousands
    of small background errors outweigh the few at the target.

    Reference: Lu et al., "Deep Regression Tracking with Shrinkage Loss", ECCV 2018, section 3.1.

    Shapes: response and label ``(N, 1, H, W)``, or any one shape.

    Example:
        >>> import torch
        >>> L2()(torch.tensor([0.3, 0.8]), torch.zeros(2))
        tensor(0.3650)
    """

    setting = "regress"

    def base_loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute d²."""
        return l2_loss(prediction, target)

    def modulation(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return 1 at every location."""
        return prediction.new_ones(()).expand_as(prediction)

    def pointwise(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute d², without the product by 1."""
        return l2_loss(prediction, target)


@register_loss("focal-regression")
class FocalRegression(ModulatedLoss):
    """Focal loss of a regression: L = l^gamma · l², gradient (2+gamma) l^(1+gamma) sign d.

    It shrinks small errors, but also large errors below 1: at l = 0.8 and gamma = 1 the loss falls from
    0.64 to 0.512, and late in training the gradient vanishes quadratically. An error above 1, possible
    because responses are not bounded, costs more than under L2.

    Reference: Lu et al., "Deep Regression Tracking with Shrinkage Loss", ECCV 2018, eq. of L_F.

    Shapes: response and label ``(N, 1, H, W)``, or any one shape.

    Args:
        gamma: power of the modulation, at least 0 (0 is L2, 1 is L3).
        reduction: see ``Loss``.

    Example:
        >>> import torch
        >>> FocalRegression(gamma=2.0, reduction="none")(torch.tensor([0.5, -1.0]), torch.zeros(2))
        tensor([0.0625, 1.0000])
    """

    setting = "regress"

    def __init__(self, gamma: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.gamma = number("gamma", gamma, at_least=0)

    def base_loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute d²."""
        return l2_loss(prediction, target)

    def modulation(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute l^gamma."""
        return (prediction - target).abs().pow(self.gamma)

    def pointwise(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute l^(2+gamma) as one power: the gradient of l^gamma at 0 is infinite for gamma < 1."""
        return (prediction - target).abs().pow(2 + self.gamma)


@register_loss("l3")
class L3(FocalRegression):
    """Cubed error: L = l³, the focal regression loss with gamma = 1.

    Reference: Lu et al., "Deep Regression Tracking with Shrinkage Loss", ECCV 2018, which compares L3 with it.

    Shapes: response and label ``(N, 1, H, W)``, or any one shape.

    Example:
        >>> import torch
        >>> L3(reduction="none")(torch.tensor([0.3, -0.8]), torch.zeros(2))
        tensor([0.0270, 0.5120])
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(gamma=1.0, reduction=reduction)
