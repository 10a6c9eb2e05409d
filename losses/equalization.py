"""Equalization: rare classes get no discouraging gradient from the samples of other classes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from losses.base import Loss, ModulatedLoss
from losses.checks import class_counts, number, whole_number
from losses.cross_entropy import as_distribution, binary_cross_entropy
from losses.registry import register_loss
from losses.shapes import check_classes


def rare_classes(counts: Tensor, threshold: float) -> Tensor:
    """Tell which classes hold less than the fraction ``threshold`` of all samples, boolean ``(K,)``."""
    return counts / counts.sum() < threshold


def equalized_cross_entropy(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Compute -log p_y with p_j = e^z_j / sum_k w_k e^z_k, all ``(N, K)``; result ``(N,)``.

    The denominator is logsumexp(z + log w), because e^z overflows at z = 100 in float32. The weight of the
    target is 1 (above 0 under a soft target), so that at least one term is not 0.
    """
    normaliser = (logits + weight.log()).logsumexp(1)
    return normaliser * target.sum(1) - (target * logits).sum(1)


@register_loss("eql")
class EQL(ModulatedLoss):
    """Equalization loss on K sigmoids: L = (1/N) sum w BCE, w_j = 1 - E(r) T(f_j) (1 - y_j).

    T(f_j) = 1 for a rare class (its fraction f_j of all samples is below the threshold): the
    samples of other classes do not push its logit down. E(r) = 0 for background rows, which push down every class.
    On a map with one channel the only rival is the background, and EQL is BCE.

    Reference: Tan et al., "Equalization Loss for Long-Tailed Object Recognition", CVPR 2020, eq. 2 to 4.

    Shapes: logits ``(N, K)``, class indices ``(N,)`` or soft targets ``(N, K)``.

    Args:
        counts: samples of each class, K whole numbers of at least 1.
        threshold: fraction of samples below which a class is rare, in [0, 1].
        background_class: index of the background: one of the K, or K for a background without a logit
            (its rows are all 0); None: there is none.
        reduction: see ``Loss``; ``none`` is ``(N, K)`` and ``mean`` divides by the rows N.

    Example:
        >>> import torch
        >>> EQL(counts=[999, 1], threshold=0.01)(torch.zeros(1, 2), torch.tensor([0]))
        tensor(0.6931)
    """

    setting = "class"
    counts: Tensor

    def __init__(
        self,
        counts: Sequence[int] | Tensor,
        threshold: float = 0.00177,
        background_class: int | None = None,
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("counts", class_counts(counts))
        self.threshold = number("threshold", threshold, at_least=0, at_most=1)
        if background_class is not None:
            whole_number("background_class", background_class, at_least=0)
            if background_class > len(self.counts):
                raise ValueError(
                    f"background_class must be at most K = {len(self.counts)}, got {background_class}"
                )
        self.background_class = background_class

    def prepare(
        self, prediction: Tensor, target: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Turn class indices into one-hot rows; rows of a background without a logit are all 0."""
        prediction, target, mask = super().prepare(prediction, target, mask)
        check_classes(prediction, self.counts)
        if target.ndim == 1:
            wide = prediction.new_zeros(len(target), prediction.shape[1] + 1)
            keep = prediction.shape[1] + (self.background_class == prediction.shape[1])
            target = wide[:, :keep].scatter(1, target.unsqueeze(1), 1)[:, : prediction.shape[1]]
        return prediction, target, mask

    def base_loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute BCE of each class."""
        return binary_cross_entropy(prediction, target)

    def modulation(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the weights w ``(N, K)``, in [0, 1]."""
        rare = rare_classes(self.counts, self.threshold).to(prediction.dtype)
        weight = rare * (1 - target)
        if self.background_class == prediction.shape[1]:
            weight = weight * target.sum(1, keepdim=True)
        elif self.background_class is not None:
            weight = weight * (1 - target[:, self.background_class, None])
        return 1 - weight

    def denominator(self, loss: Tensor, target: Tensor, mask: Tensor | None) -> Tensor | int:
        """Return the number of rows, or the sum of their mask if it is at least 1, else 1."""
        return len(loss) if mask is None else mask[:, 0].sum().clamp_min(1)


@register_loss("seql")
class SEQL(Loss):
    """Softmax equalization loss: L = -log(e^z_y / sum w_k e^z_k), w_k = 1 - beta T(f_k) (1 - y_k).

    Each rare class is dropped from the softmax of another's sample with probability gamma, and then gets
    exactly no discouraging gradient from it. In evaluation mode w = 1: plain cross entropy. ``spatial``:
    the classes are locations and ``counts`` says how often the target's peak was at each, so that a
    centre-biased training set does not push the border down; with uniform counts choose a threshold below
    1 / (H W), or every location is dropped.

    Reference: Tan et al., "Equalization Loss for Long-Tailed Object Recognition", CVPR 2020, section 3.4.

    Shapes: ``class`` logits ``(N, K)``, class indices ``(N,)`` or soft targets ``(N, K)``; ``spatial``
    logits and density ``(N, 1, H, W)``.

    Args:
        counts: samples of each class (K) or of each location (H W), whole numbers of at least 1.
        threshold: fraction of samples below which a class is rare, in [0, 1].
        gamma: probability of a drop, in [0, 1].
        generator: source of the draws; default: torch's own.
        setting: ``class`` or ``spatial``.
        reduction: see ``Loss``; ``none`` is ``(N,)``.

    Example:
        >>> import torch
        >>> loss = SEQL(counts=[999, 1], threshold=0.01, gamma=1.0)
        >>> loss(torch.tensor([[0.0, 5.0]]), torch.tensor([0]))
        tensor(0.)
    """

    setting = "class"
    settings = ("class", "spatial")
    counts: Tensor

    def __init__(
        self,
        counts: Sequence[int] | Tensor,
        threshold: float = 0.005,
        gamma: float = 0.9,
        generator: torch.Generator | None = None,
        setting: str = "class",
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction, setting=setting)
        self.register_buffer("counts", class_counts(counts))
        self.threshold = number("threshold", threshold, at_least=0, at_most=1)
        self.gamma = number("gamma", gamma, at_least=0, at_most=1)
        self.generator = generator

    def forward(
        self,
        prediction: Tensor,
        target: Tensor,
        *,
        mask: Tensor | None = None,
        beta: Tensor | None = None,
    ) -> Tensor:
        """Compute the loss as ``Loss.forward`` does, with drawn or given ``beta``.

        Args:
            prediction: logits.
            target: classes or density.
            mask: weight of each sample ``(N,)``.
            beta: draws 0 or 1 that expand to ``(N, K)``, for repeatable use; default: drawn for each
                sample and class. Unused in evaluation mode.
        """
        prediction, target, mask = self.prepare(prediction, target, mask)
        return self.reduce(self.pointwise(prediction, target, beta), target, mask)

    def pointwise(self, prediction: Tensor, target: Tensor, beta: Tensor | None = None) -> Tensor:
        """Compute the loss of each row."""
        check_classes(prediction, self.counts)
        target = as_distribution(target, prediction)
        weight = self.weights(prediction, target, beta)
        return equalized_cross_entropy(prediction, target, weight)

    def weights(self, prediction: Tensor, target: Tensor, beta: Tensor | None = None) -> Tensor:
        """Return the weight w of each term in the denominator, ``(N, K)``, in [0, 1]."""
        if not self.training:
            return torch.ones_like(prediction)
        if beta is None:
            device = prediction.device if self.generator is None else self.generator.device
            draws = torch.rand(prediction.shape, generator=self.generator, device=device)
            beta = (draws < self.gamma).to(prediction.device)
        rare = rare_classes(self.counts, self.threshold)
        return 1 - beta.reshape(-1, prediction.shape[1]).to(prediction.dtype) * rare * (1 - target)
