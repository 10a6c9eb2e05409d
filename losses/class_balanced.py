"""Class-balanced weights: the weight of a class is the inverse of its effective number of samples."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from losses.base import ModulatedLoss
from losses.checks import choice, class_counts, number
from losses.cross_entropy import as_distribution, binary_cross_entropy, cross_entropy
from losses.focal import focal_loss
from losses.registry import register_loss
from losses.shapes import check_classes


def effective_number(counts: Tensor, beta: float = 0.9999) -> Tensor:
    """Compute E_n = (1 - beta^n) / (1 - beta), float64 ``(K,)``: 1 for beta = 0, near n for beta near 1.

    1 - beta^n is computed as -expm1(n log beta), because the difference loses its digits for small n.
    """
    if beta == 0:
        return torch.ones_like(counts, dtype=torch.float64)
    return -torch.expm1(counts.double() * math.log(beta)) / (1 - beta)


def class_balanced_weights(counts: Tensor, beta: float = 0.9999) -> Tensor:
    """Compute weights proportional to 1 / E_n that sum to K, float64 ``(K,)``."""
    inverse = 1 / effective_number(counts, beta)
    return inverse * (len(inverse) / inverse.sum())


@register_loss("class-balanced")
class ClassBalanced(ModulatedLoss):
    """Class-balanced loss: L = w_y · base, w_k proportional to (1 - beta) / (1 - beta^n_k), summing to K.

    In a large class new samples overlap old ones, so that n samples are worth only E_n. beta = 0 gives all
    classes one weight; beta near 1 gives 1/n. It is often switched on late in training. On a map
    (background/foreground) E_n of 1e5 locations saturates at 1 / (1 - beta): for one 25 x 25 map take beta <= .99.

    Reference: Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019, section 4.

    Shapes: logits ``(N, K)``, class indices ``(N,)`` or soft targets ``(N, K)`` (their mean weight).

    Args:
        counts: samples of each class, K whole numbers of at least 1.
        beta: in [0, 1).
        base: ``softmax`` cross entropy, ``sigmoid`` (K binary cross entropies) or ``focal`` (K sigmoid focal
            losses, without alpha).
        gamma: power of the ``focal`` base, at least 0.
        reduction: see ``Loss``; ``none`` is ``(N,)`` for softmax, else ``(N, K)``; ``mean`` divides by the
            rows N, not by the sum of their weights.

    Example:
        >>> import torch
        >>> ClassBalanced(counts=[100, 1], beta=0.9)(torch.zeros(2, 2), torch.tensor([1, 0]))
        tensor(0.6931)
    """

    setting = "class"
    counts: Tensor

    def __init__(
        self,
        counts: Sequence[int] | Tensor,
        beta: float = 0.9999,
        base: str = "softmax",
        gamma: float = 2.0,
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("counts", class_counts(counts))
        self.beta = number("beta", beta, at_least=0, below=1)
        self.base = choice("base", base, ("softmax", "sigmoid", "focal"))
        self.gamma = number("gamma", gamma, at_least=0)

    def base_loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute softmax cross entropy ``(N,)``, or K sigmoid losses ``(N, K)``."""
        check_classes(prediction, self.counts)
        if self.base == "softmax":
            return cross_entropy(prediction, target)
        label = as_distribution(target, prediction)
        if self.base == "focal":
            return focal_loss(prediction, label, self.gamma, alpha=None)
        return binary_cross_entropy(prediction, label)

    def modulation(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the weight w_y of each row."""
        weights = class_balanced_weights(self.counts, self.beta).to(prediction.dtype)
        weight = weights[target] if target.ndim == 1 else target @ weights
        return weight if self.base == "softmax" else weight.unsqueeze(1)

    def denominator(self, loss: Tensor, target: Tensor, mask: Tensor | None) -> Tensor | int:
        """Return the number of rows, or the sum of their mask if it is at least 1, else 1."""
        return len(loss) if mask is None else mask.reshape(len(loss), -1)[:, 0].sum().clamp_min(1)
