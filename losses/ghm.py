"""Gradient harmonizing: each sample counts by the inverse density of its gradient norm."""

import torch
from torch import Tensor

from losses.base import ModulatedLoss
from losses.checks import choice, number, whole_number
from losses.cross_entropy import as_distribution, binary_cross_entropy
from losses.fused import fused
from losses.registry import register_loss
from losses.shapes import expand_mask


def authentic_smooth_l1(
    prediction: Tensor, target: Tensor, mu: float = 0.1, weight: Tensor | None = None
) -> Tensor:
    """ASL1 = sqrt(d² + mu²) - mu, written d² / (sqrt(d² + mu²) + mu): the difference cancels at small d.

    The weight, a constant to the gradient, multiplies it.
    """
    if target.requires_grad:
        loss = _asl1_and_slope(prediction, target, mu)[0]
        return loss if weight is None else loss * weight
    return fused(_asl1_and_slope, prediction, target, mu, weight=weight)


def _asl1_and_slope(prediction: Tensor, target: Tensor, mu: float) -> tuple[Tensor, Tensor]:
    difference = prediction - target
    squared = difference.square()
    root = (squared + mu * mu).sqrt()
    return squared / (root + mu), difference / root


def gradient_bins(norm: Tensor, bins: int) -> Tensor:
    """Bin floor(g M) of each gradient norm g; clamped, so that g = 1 is in the last bin (and NaN in the first)."""
    index = (norm * bins).int().clamp_(0, bins - 1)
    # Indexing takes int64; a compiler converts on the fly, and compares more int32 at once.
    return index if torch.compiler.is_compiling() else index.long()


def bin_counts(index: Tensor, bins: int, mask: Tensor | None = None) -> Tensor:
    """Samples in each bin, int64 ``(M,)``, ignored samples left out.

    A scatter of integers: deterministic, and without the wait for the device that ``bincount`` has on a
    GPU, where it reads the largest index on the host. A compiler is given a comparison with every bin
    instead, from which it makes vector instructions; run by itself that would hold M maps.
    """
    index = index.flatten()
    one = index.new_ones((), dtype=torch.int32)
    kept = one.expand_as(index) if mask is None else (mask != 0).int().flatten()
    if not torch.compiler.is_compiling() or bins > 64:
        return index.new_zeros(bins, dtype=torch.int32).scatter_add_(0, index.long(), kept).long()
    # The view makes the compiler store the index, instead of computing it for each bin again.
    stored = index.as_strided(index.shape, (1,))
    every = torch.arange(bins, dtype=index.dtype, device=index.device)
    return ((stored == every.unsqueeze(1)) * kept).sum(1, dtype=torch.int32).long()


def _summed_over_processes(counts: Tensor) -> Tensor:
    """The counts of all processes, so that every one of them weighs by the density of the whole batch."""
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(counts)
    return counts


class GradientHarmonizing(ModulatedLoss):
    """What GHM-C and GHM-R share: the density of gradient norms, and the weights N / (density · bins).

    The running density lives in the buffer ``acc_sum`` and is updated by a call in training mode. As in the
    released code it starts at 0 without bias correction (the first step is 1 / (1 - momentum) times larger)
    and does not decay in empty bins.
    """

    acc_sum: Tensor

    def __init__(
        self, bins: int, momentum: float, normalize: str, *, setting: str | None = None, reduction: str
    ) -> None:
        super().__init__(reduction=reduction, setting=setting)
        self.bins = whole_number("bins", bins, at_least=1)
        self.momentum = number("momentum", momentum, at_least=0, below=1)
        self.normalize = choice("normalize", normalize, ("nonempty", "bins"))
        self.register_buffer("acc_sum", torch.zeros(self.bins, dtype=torch.float64))

    def gradient_norm(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Norm g in [0, 1] of each sample's gradient; called without gradients."""
        raise NotImplementedError

    def base_loss(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """The plain loss, times the weight, a constant to the gradient."""
        raise NotImplementedError

    def forward(self, prediction: Tensor, target: Tensor, *, mask: Tensor | None = None) -> Tensor:
        """As ``Loss``; in training mode the running density takes the batch in."""
        prediction, target, mask = self.prepare(prediction, target, mask)
        index, counts = self._histogram(prediction, target, mask)
        weight = self._weights(index, counts, prediction.dtype)
        if self.training and self.momentum > 0:
            self.acc_sum.copy_(self._density(counts))
        return self.reduce(self.base_loss(prediction, target, weight), target, mask)

    def modulation(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Weight N / (density · bins) of each sample, a constant to the gradient; no state is changed."""
        return self._weights(*self._histogram(prediction, target, None), prediction.dtype)

    @torch.no_grad()
    def _histogram(self, prediction: Tensor, target: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Bin of each sample, and the samples in each bin."""
        index = gradient_bins(self.gradient_norm(prediction, target), self.bins)
        if mask is not None:
            mask = expand_mask(mask, index)
        return index, _summed_over_processes(bin_counts(index, self.bins, mask))

    def _density(self, counts: Tensor) -> Tensor:
        """The counts, or their running mean, which stays as it was where a bin is empty."""
        if self.momentum == 0:
            return counts
        mixed = self.momentum * self.acc_sum + (1 - self.momentum) * counts
        return mixed.where(counts > 0, self.acc_sum)

    def _weights(self, index: Tensor, counts: Tensor, dtype: torch.dtype) -> Tensor:
        filled = counts > 0
        number_of_bins = filled.sum().clamp_min(1) if self.normalize == "nonempty" else self.bins
        # A compiler may evaluate these operations anew at every sample: cheap ones, in the loss's precision.
        share = counts.sum().to(dtype) / number_of_bins
        weight = (share / self._density(counts).to(dtype)).masked_fill(~filled, 0)
        # index_select is several times faster on a CPU than weight[index].
        return weight.index_select(0, index.long().flatten()).view_as(index)


@register_loss("ghm-c")
class GHMC(GradientHarmonizing):
    """GHM of a classification: L = (1/N) sum of w BCE, w = N / (R_b n), g = |s(x) - y|.

    R_b counts the samples in the bin of g. Both ends of the histogram are flattened: the mass of easy
    background (g near 0) and outliers such as a distractor labelled background (g near 1). For a soft label
    g is still the exact gradient norm by the logit. Couples all samples of a batch, so its size matters;
    a bin with one sample gives it 1/n of the whole loss. Under ``torch.distributed`` the counts are those of
    all processes.

    Reference: Li et al., "Gradient Harmonized Single-stage Detector", AAAI 2019, eq. 6 to 9.

    Shapes: ``binary`` logits and label ``(N, 1, H, W)`` or any one shape; ``class`` logits ``(N, K)`` as K
    sigmoids, class indices ``(N,)`` or one-hot ``(N, K)``.

    Args:
        bins: number of bins M (30 in the authors' training configuration).
        momentum: of the running density, in [0, 1) (.75 there).
        normalize: divide by the number of non-empty bins (``nonempty``, the code) or by M (``bins``, the
            paper).
        setting: ``binary`` or ``class``.
        reduction: see ``Loss``; ``mean`` is the paper's.

    Example:
        >>> import torch
        >>> GHMC(reduction="none")(torch.tensor([-3.0, -3.0, -3.0, 3.0]), torch.zeros(4))
        tensor([0.0324, 0.0324, 0.0324, 6.0972])
    """

    setting = "binary"
    settings = ("binary", "class")

    def __init__(
        self,
        bins: int = 10,
        momentum: float = 0.0,
        normalize: str = "nonempty",
        setting: str = "binary",
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(bins, momentum, normalize, setting=setting, reduction=reduction)

    def prepare(
        self, prediction: Tensor, target: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Classes as one-hot rows: K sigmoids."""
        prediction, target, mask = super().prepare(prediction, target, mask)
        return prediction, as_distribution(target, prediction) if self.setting == "class" else target, mask

    def base_loss(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """BCE, times the weight."""
        return binary_cross_entropy(prediction, target, weight)

    def gradient_norm(self, prediction: Tensor, target: Tensor) -> Tensor:
        """|s(x) - y|, without the digits near 0 that no bin needs."""
        return (prediction.sigmoid() - target).abs_()


@register_loss("ghm-r")
class GHMR(GradientHarmonizing):
    """GHM of a regression: L = (1/N) sum of w ASL1, ASL1 = sqrt(d² + mu²) - mu, g = |d| / sqrt(d² + mu²).

    The paper's mu = .02 was for normalised box offsets: on a map in [0, 1] it puts every |d| > .05 into the
    last bin. The default .1 spreads the errors of a response map over all ten bins.

    Reference: Li et al., "Gradient Harmonized Single-stage Detector", AAAI 2019, eq. 11 to 13.

    Shapes: response and label ``(N, 1, H, W)``, or any one shape.

    Args:
        mu: error at which ASL1 turns from squared to absolute, above 0.
        bins: number of bins M.
        momentum: of the running density, in [0, 1) (.7 in the authors' training configuration).
        normalize: as in ``GHMC``.
        reduction: see ``Loss``; ``mean`` is the paper's.

    Example:
        >>> import torch
        >>> GHMR(reduction="none")(torch.tensor([0.01, 0.01, 0.01, 1.0]), torch.zeros(4))
        tensor([3.3250e-04, 3.3250e-04, 3.3250e-04, 1.8100e+00])
    """

    setting = "regress"

    def __init__(
        self,
        mu: float = 0.1,
        bins: int = 10,
        momentum: float = 0.0,
        normalize: str = "nonempty",
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(bins, momentum, normalize, reduction=reduction)
        self.mu = number("mu", mu, above=0)

    def base_loss(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """ASL1, times the weight."""
        return authentic_smooth_l1(prediction, target, self.mu, weight)

    def gradient_norm(self, prediction: Tensor, target: Tensor) -> Tensor:
        """|d| / sqrt(d² + mu²), in [0, 1)."""
        difference = prediction - target
        root = difference.square().add_(self.mu * self.mu).sqrt_()
        return difference.abs_().div_(root)
