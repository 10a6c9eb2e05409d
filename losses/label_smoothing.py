"""Label smoothing: a part of the target's mass goes to a prior."""

from collections.abc import Sequence

import torch
from torch import Tensor

from losses.base import Loss
from losses.checks import number
from losses.cross_entropy import binary_cross_entropy, cross_entropy
from losses.registry import register_loss


def smooth_labels(target: Tensor, epsilon: float, prior: Tensor | float) -> Tensor:
    """Compute (1 - epsilon) target + epsilon prior."""
    return (1 - epsilon) * target + epsilon * prior


@register_loss("label-smoothing")
class LabelSmoothing(Loss):
    """Cross entropy with a smoothed target: L = H(q', p), q' = (1-eps) q + eps mu; gradient p - q'.

    It equals (1-eps) H(q, p) + eps H(mu, p): the second term draws the prediction p to the prior mu. Its
    least value is H(q') > 0. On a ``binary`` map the background rises to eps/2 and the best peak falls to
    1 - eps/2: adapt thresholds on the peak. ``spatial`` spreads eps over the locations.

    Reference: Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016, section 7.

    Shapes: ``class`` logits ``(N, K)``, class indices ``(N,)`` or soft targets ``(N, K)``; ``binary``
    logits and label ``(N, 1, H, W)`` or any one shape; ``spatial`` logits and density ``(N, 1, H, W)``.

    Args:
        epsilon: mass given to the prior, in [0, 1).
        prior: non-negative weights of the K classes or H W locations, normalised to sum 1; for ``binary``
            the probability of the foreground. Default: uniform.
        setting: ``class``, ``binary`` or ``spatial``.
        reduction: see ``Loss``.

    Example:
        >>> import torch
        >>> LabelSmoothing(epsilon=0.2)(torch.tensor([[2.0, 0.0]]), torch.tensor([0]))
        tensor(0.3269)
    """

    setting = "class"
    settings = ("class", "binary", "spatial")
    prior: Tensor | None

    def __init__(
        self,
        epsilon: float = 0.1,
        prior: Sequence[float] | Tensor | float | None = None,
        setting: str = "class",
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction, setting=setting)
        self.epsilon = number("epsilon", epsilon, at_least=0, below=1)
        self.register_buffer("prior", None if prior is None else self._checked(prior))

    def pointwise(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute the cross entropy with the smoothed target: one value for each location or row."""
        if self.setting == "binary":
            prior = 0.5 if self.prior is None else self.prior.to(prediction.dtype)
            return binary_cross_entropy(prediction, smooth_labels(target, self.epsilon, prior))
        classes = prediction.shape[1]
        if self.prior is not None and self.prior.numel() != classes:
            raise ValueError(f"prior must hold {classes} weights, as the logits do, got {self.prior.numel()}")
        prior = 1 / classes if self.prior is None else self.prior.to(prediction.dtype)
        plain = cross_entropy(prediction, target)
        towards_prior = smooth_labels(torch.zeros_like(prediction), self.epsilon, prior)
        return (1 - self.epsilon) * plain + cross_entropy(prediction, towards_prior)

    def _checked(self, prior: Sequence[float] | Tensor | float) -> Tensor:
        weights = torch.as_tensor(prior, dtype=torch.float64)
        if self.setting == "binary":
            return torch.tensor(number("prior", weights.item(), at_least=0, at_most=1), dtype=torch.float64)
        weights = weights.flatten()
        if weights.numel() < 2 or not bool((weights >= 0).all() & weights.isfinite().all() & weights.any()):
            raise ValueError(f"prior must hold at least 2 non-negative weights, not all 0, got {prior}")
        return weights / weights.sum()
