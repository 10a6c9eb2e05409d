"""Influence-balanced loss: a sample counts by the inverse of its influence on the last layer."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from losses.base import Loss
from losses.checks import choice, class_counts, number, whole_number
from losses.cross_entropy import as_distribution, binary_cross_entropy, binary_residual, cross_entropy
from losses.registry import register_loss
from losses.regression import l2_loss
from losses.shapes import check_classes, widen


def class_factors(counts: Tensor, alpha: float = 1000.0, class_weight: str = "paper") -> Tensor:
    """Compute lambda_k = alpha n_k^-1 / sum n^-1 (``paper``; ``code``: K times that), float64 ``(K,)``."""
    inverse = 1 / counts.double()
    scale = alpha if class_weight == "paper" else alpha * len(counts)
    return scale * inverse / inverse.sum()


def window_norms(features: Tensor, kernel_hw: tuple[int, int]) -> Tensor:
    """Sum |phi| over all channels in a window around each location: ||h||_1 of a filter of that size.

    The response of a k x k filter at a location is a linear map of the window of k x k cells there, which
    therefore is the last layer's input h. Beyond the map the features are 0.

    Args:
        features: ``(N, C, H, W)``, floating point.
        kernel_hw: rows and columns of the filter, at least 1; its middle is ``(rows // 2, columns // 2)``.

    Returns:
        ``(N, 1, H, W)`` of the features' dtype, at least float32; for ``features=`` of the loss.
    """
    rows, columns = (whole_number("kernel_hw", side, at_least=1) for side in kernel_hw)
    energy = widen(features).abs().sum(1, keepdim=True)
    before = (columns // 2, columns - 1 - columns // 2, rows // 2, rows - 1 - rows // 2)
    return F.avg_pool2d(F.pad(energy, before), (rows, columns), stride=1, divisor_override=1)


@register_loss("influence-balanced")
class InfluenceBalanced(Loss):
    """Influence-balanced loss: L = (1/N) sum lambda_k · base / (IB + eps), IB = ||f - y||_1 ||h||_1.

    IB is the 1-norm of the loss's gradient by the last layer's weights; h is the input of that layer.
    Samples that shape an over-fitted boundary have a large IB, and the loss lowers their weight.
    ``class``: base CE. ``regress``: base L2, IB = |p - y| ||phi||_1. ``binary``: base BCE,
    IB = |s(x) - y| ||phi||_1; the classes of ``counts`` are background and foreground (y > .5).

    As in the reference code the weight stays in the graph, so that the gradient of a well-classified sample
    vanishes. With ``detach_weight`` all samples have gradients of about one norm, as the paper derives.
    Detach the features, or training lowers the loss by growing ||h||. A sample whose features are all 0 has
    the weight alpha / epsilon, by default 1e6; a gradient that large overflows float16 logits.

    Reference: Park et al., "Influence-Balanced Loss for Imbalanced Visual Classification", ICCV 2021, eq. 8.

    Shapes: ``class`` logits ``(N, K)``, class indices or soft targets, features ``(N, D)``; ``regress`` and
    ``binary`` prediction and label ``(N, 1, H, W)``, features ``(N, C, H, W)``, or ``(N, 1, H, W)`` from
    ``window_norms`` if the response is that of a filter with more than one cell.

    Args:
        counts: samples of each class: K, or background and foreground; None: no class factor, lambda = alpha.
        alpha: scale of the weights, above 0.
        epsilon: added to IB, above 0 (0 only makes sense where no residual is 0).
        class_weight: lambda_k sums to alpha (``paper``) or to K alpha (``code``).
        detach_weight: leave the weight out of the gradient.
        start_epoch: the loss is its plain base before this epoch (see ``set_epoch``), at least 0.
        start_step: the loss is its plain base before this training step (see ``set_step``), at least 0.
        setting: ``class``, ``regress`` or ``binary``.
        reduction: see ``Loss``.

    Example:
        >>> import torch
        >>> loss = InfluenceBalanced(alpha=1.0, epsilon=0.0)
        >>> loss(torch.zeros(1, 2), torch.tensor([0]), features=torch.ones(1, 2))
        tensor(0.3466)
    """

    setting = "class"
    settings = ("class", "regress", "binary")
    needs_features = True
    counts: Tensor | None
    epoch: Tensor
    step: Tensor

    def __init__(
        self,
        counts: Sequence[int] | Tensor | None = None,
        alpha: float = 1000.0,
        epsilon: float = 1e-3,
        class_weight: str = "paper",
        detach_weight: bool = False,
        start_epoch: int = 0,
        start_step: int = 0,
        setting: str = "class",
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction, setting=setting)
        self.register_buffer("counts", None if counts is None else class_counts(counts))
        if self.counts is not None and setting != "class" and len(self.counts) != 2:
            raise ValueError(f"counts must be those of background and foreground, got {counts}")
        self.alpha = number("alpha", alpha, above=0)
        self.epsilon = number("epsilon", epsilon, at_least=0)
        self.class_weight = choice("class_weight", class_weight, ("paper", "code"))
        self.detach_weight = detach_weight
        self.start_epoch = whole_number("start_epoch", start_epoch, at_least=0)
        self.start_step = whole_number("start_step", start_step, at_least=0)
        self.register_buffer("epoch", torch.zeros((), dtype=torch.long))
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    def set_epoch(self, epoch: int) -> None:
        """Tell the loss which epoch begins, counted from 0. The epoch is part of ``state_dict``."""
        self.epoch.fill_(whole_number("epoch", epoch, at_least=0))

    def set_step(self, step: int) -> None:
        """Tell the loss which training step begins, counted from 0. The step is part of ``state_dict``."""
        self.step.fill_(whole_number("step", step, at_least=0))

    def forward(
        self,
        prediction: Tensor,
        target: Tensor,
        *,
        mask: Tensor | None = None,
        features: Tensor | None = None,
    ) -> Tensor:
        """Compute the loss as ``Loss.forward`` does.

        Args:
            prediction: response or logits.
            target: label map or classes.
            mask: weight of each sample.
            features: input of the last layer: ``(N, D)``, or ``(N, C, H, W)`` for maps.
        """
        prediction, target, mask = self.prepare(prediction, target, mask)
        return self.reduce(self.pointwise(prediction, target, features), target, mask)

    def pointwise(self, prediction: Tensor, target: Tensor, features: Tensor | None = None) -> Tensor:
        """Multiply the base by the modulation, which ``detach_weight`` leaves out of the gradient."""
        if features is None:
            raise TypeError("influence-balanced needs features=, the input of the last layer")
        weight = self.modulation(prediction, target, features)
        return self.base_loss(prediction, target) * (weight.detach() if self.detach_weight else weight)

    def base_loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute CE, L2 or BCE, as the setting says."""
        if self.setting == "class":
            return cross_entropy(prediction, target)
        if self.setting == "binary":
            return binary_cross_entropy(prediction, target)
        return l2_loss(prediction, target)

    def modulation(self, prediction: Tensor, target: Tensor, features: Tensor) -> Tensor:
        """Compute lambda_k / (IB + eps) of each sample; 1 before ``start_epoch`` or ``start_step``."""
        residual = self._residual_norm(prediction, target)
        norm = widen(features).to(prediction.dtype).abs().sum(1, keepdim=residual.ndim > 1)
        if norm.shape != residual.shape:
            raise ValueError(
                f"features must be (N, D) for rows and (N, C, H, W) for maps, as many as the prediction "
                f"{tuple(prediction.shape)}, got {tuple(features.shape)}"
            )
        weight = self._class_factor(prediction, target) / (residual * norm + self.epsilon)
        if self.start_epoch == 0 and self.start_step == 0:
            return weight
        # The device chooses: if the host read the epoch, it would wait for the GPU.
        started = (self.epoch >= self.start_epoch) & (self.step >= self.start_step)
        return torch.where(started, weight, 1)

    def _residual_norm(self, prediction: Tensor, target: Tensor) -> Tensor:
        if self.setting == "regress":
            return (prediction - target).abs()
        if self.setting == "binary":
            return binary_residual(prediction, target).abs()
        if target.ndim == 2:
            return (prediction.softmax(1) - target).abs().sum(1)
        # ||softmax - onehot||_1 = 2 (1 - p_y), computed without the cancellation for p_y near 1.
        return -2 * torch.expm1(-cross_entropy(prediction, target))

    def _class_factor(self, prediction: Tensor, target: Tensor) -> Tensor | float:
        if self.counts is None:
            return self.alpha
        factors = class_factors(self.counts, self.alpha, self.class_weight).to(prediction.dtype)
        if self.setting != "class":
            return factors[(target > 0.5).long()]
        check_classes(prediction, self.counts)
        return factors[target] if target.ndim == 1 else as_distribution(target, prediction) @ factors
