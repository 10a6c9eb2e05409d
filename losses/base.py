"""What every loss shares: its setting, the checked inputs, the mask and the reduction.

Most losses here are *base x modulation*. The base is a plain distance of prediction and target. The modulation
is the factor by which a sample counts: a power of the error (L3, focal), a step (hard
truncation), a sigmoid (soft truncation, shrinkage), the inverse of a histogram (GHM), of an influence (IB),
or a class weight (class-balanced, EQL).
"""

import inspect
from abc import abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from losses.checks import choice
from losses.shapes import Inputs, expand_mask, prepare_classes, prepare_density, prepare_maps

SETTINGS = ("regress", "binary", "spatial", "class")
REDUCTIONS = ("none", "sum", "mean", "batchmean")

_PREPARE = {
    "regress": prepare_maps,
    "binary": prepare_maps,
    "spatial": prepare_density,
    "class": prepare_classes,
}


class Loss(nn.Module):
    """A loss with a setting, an optional mask and a reduction.

    Settings, and what they take:

    - ``regress``: real response and label in [0, 1], both ``(N, 1, H, W)`` (or any one shape): every
      location is one regression sample. The response is not bounded.
    - ``binary``: logits and label 0/1 or soft, both ``(N, 1, H, W)`` (or any one shape).
    - ``spatial``: logits and a non-negative density ``(N, 1, H, W)``: a softmax over the locations.
    - ``class``: logits ``(N, K)``, and class indices ``(N,)`` or soft targets ``(N, K)``.

    Args:
        reduction: ``none``; ``sum``; ``mean`` over all samples (with a mask: divided by the mask's sum, at
            least 1); ``batchmean``: summed over each map, mean over N. A loss that divides by something
            else under ``mean`` says so.
        setting: one of the class's ``settings``; default: its ``setting``.
    """

    setting: str = "regress"
    settings: ClassVar[tuple[str, ...]] = ("regress",)
    needs_features: ClassVar[bool] = False
    """Whether a call also takes ``features=``, the input of the layer that made the prediction."""

    def __init__(self, *, reduction: str = "mean", setting: str | None = None) -> None:
        super().__init__()
        self.reduction = choice("reduction", reduction, REDUCTIONS)
        if setting is not None:
            self.setting = choice("setting", setting, self.settings)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "setting" in vars(cls) and "settings" not in vars(cls):
            cls.settings = (cls.setting,)

    def forward(self, prediction: Tensor, target: Tensor, *, mask: Tensor | None = None) -> Tensor:
        """Compute the loss: in float64 if the prediction is float64, else in float32.

        Args:
            prediction: response or logits, as the setting says.
            target: label map, density map, or classes, as the setting says.
            mask: weight of each sample, at least 0; 0 ignores the sample. `losses.shapes` says which shapes fit.

        Raises:
            ValueError: the shapes do not fit the setting.
            TypeError: the prediction is not floating point, or class indices are.
        """
        prediction, target, mask = self.prepare(prediction, target, mask)
        return self.reduce(self.pointwise(prediction, target), target, mask)

    def set_step(self, step: int) -> None:
        """Tell the loss which training step begins, counted from 0. Most losses do not depend on it."""

    def prepare(self, prediction: Tensor, target: Tensor, mask: Tensor | None) -> Inputs:
        """Check and normalise the inputs for this loss's setting."""
        return _PREPARE[self.setting](prediction, target, mask)

    @abstractmethod
    def pointwise(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of prepared inputs without reduction: one value for each location, row or map."""

    def reduce(self, loss: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
        """Multiply the unreduced loss by the mask and apply ``reduction``."""
        if mask is not None:
            mask = expand_mask(mask, loss)
            loss = loss * mask
        if self.reduction == "none":
            return loss
        total = loss.sum()
        if self.reduction == "sum":
            return total
        if self.reduction == "batchmean":
            return total / loss.shape[:1].numel()
        return total / self.denominator(loss, target, mask)

    def denominator(self, loss: Tensor, target: Tensor, mask: Tensor | None) -> Tensor | int:
        """Return the divisor of ``mean``: the number of samples, or the sum of the mask if it is at least 1, else 1."""
        return loss.numel() if mask is None else mask.sum().clamp_min(1)

    def extra_repr(self) -> str:
        """List the hyper-parameters as they were given, without tensors."""
        names = inspect.signature(type(self)).parameters
        shown = {name: getattr(self, name, None) for name in names}
        return ", ".join(
            f"{name}={value!r}" for name, value in shown.items() if not isinstance(value, Tensor)
        )


class ModulatedLoss(Loss):
    """A loss that is a base times a modulation. Each is a separate method, which figures and tests call."""

    @abstractmethod
    def base_loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute the plain loss, before modulation."""

    @abstractmethod
    def modulation(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute the factor by which each sample counts."""

    def pointwise(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Multiply the base by the modulation."""
        return self.base_loss(prediction, target) * self.modulation(prediction, target)
