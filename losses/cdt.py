"""Class-dependent temperatures: in training, a rare class needs a larger logit than a frequent one to win."""

from collections.abc import Sequence

from torch import Tensor

from losses.base import Loss
from losses.checks import class_counts, number
from losses.cross_entropy import cross_entropy
from losses.registry import register_loss
from losses.shapes import check_classes


def class_temperatures(counts: Tensor, gamma: float = 0.2) -> Tensor:
    """Compute a_c = (N_max / n_c)^gamma of each class, float64 ``(K,)``, at least 1."""
    return (counts.max() / counts.double()).pow(gamma)


@register_loss("cdt")
class CDT(Loss):
    """Class-dependent temperatures: L = CE(z / a), a_c = (N_max / n_c)^gamma; gradient (p - y) / a.

    Over-fitting to a rare class shows as logits that are smaller on test samples than on training samples;
    dividing by a temperature above 1 in training makes the rare class's raw logits larger. **Test with the
    plain z**, never z / a: the temperatures live in this loss and not in the model. ``spatial``: classes are
    locations; a rarely hit border must score higher. With one sigmoid channel
    all locations would share one temperature, so there is no such setting.

    Reference: Ye et al., "Identifying and Compensating for Feature Deviation in Imbalanced Deep Learning",
    arXiv 2001.01385, 2020, section 4.

    Shapes: ``class`` logits ``(N, K)``, class indices ``(N,)`` or soft targets ``(N, K)``; ``spatial``
    logits and density ``(N, 1, H, W)``.

    Args:
        counts: samples of each class (K) or of each location (H W), whole numbers of at least 1.
        gamma: strength, at least 0 (0: CE; up to .4 on CIFAR-10, .2 on CIFAR-100).
        setting: ``class`` or ``spatial``.
        reduction: see ``Loss``; ``none`` is ``(N,)``.

    Example:
        >>> import torch
        >>> CDT(counts=[100, 1], gamma=0.5)(torch.tensor([[0.0, 10.0]]), torch.tensor([1]))
        tensor(0.3133)
    """

    setting = "class"
    settings = ("class", "spatial")
    counts: Tensor

    def __init__(
        self,
        counts: Sequence[int] | Tensor,
        gamma: float = 0.2,
        setting: str = "class",
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction, setting=setting)
        self.register_buffer("counts", class_counts(counts))
        self.gamma = number("gamma", gamma, at_least=0)

    def pointwise(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute CE of each row of z / a."""
        check_classes(prediction, self.counts)
        return cross_entropy(prediction / self.temperatures().to(prediction.dtype), target)

    def temperatures(self) -> Tensor:
        """Return the temperature a of each class, float64 ``(K,)``, at least 1."""
        return class_temperatures(self.counts, self.gamma)
