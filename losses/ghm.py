"""Gradient harmonizing: the weight of a sample is the inverse density of its gradient norm."""

from types import SimpleNamespace
from typing import ClassVar

import torch
from torch import Tensor

from losses.base import ModulatedLoss
from losses.checks import choice, number, whole_number
from losses.cross_entropy import as_distribution, bce_and_residual, binary_cross_entropy, binary_residual
from losses.fused import Slope, ValueAndSlope, fused, weighted
from losses.registry import register_loss
from losses.shapes import expand_mask


def authentic_smooth_l1(prediction: Tensor, target: Tensor, mu: float = 0.1) -> Tensor:
    """Compute ASL1 = sqrt(d² + mu²) - mu as d² / (sqrt(d² + mu²) + mu): the difference cancels at small d."""
    if target.requires_grad:
        squared = (prediction - target).square()
        return squared / ((squared + mu * mu).sqrt() + mu)
    return fused(_asl1_and_slope, _asl1_slope, prediction, target, mu)


def _asl1_slope(prediction: Tensor, target: Tensor, mu: float) -> Tensor:
    difference = prediction - target
    return difference / (difference.square() + mu * mu).sqrt()


def _asl1_and_slope(prediction: Tensor, target: Tensor, mu: float) -> tuple[Tensor, Tensor]:
    difference = prediction - target
    squared = difference.square()
    root = (squared + mu * mu).sqrt_()
    slope = difference.div_(root)
    return squared.div_(root.add_(mu)), slope


def gradient_bins(slope: Tensor, bins: int) -> Tensor:
    """Compute the bin floor(g M) of each gradient norm g = abs(slope), int32; 1 falls in the last bin, NaN in bin 0."""
    return slope.abs().mul_(bins).int().clamp_(0, bins - 1)


_BYTE = 127
"""Two values up to 127, packed as bytes, stay a non-negative ``int16``."""


@torch.library.custom_op("losses::bin_counts", mutates_args=())
def bin_counts(index: Tensor, bins: int) -> Tensor:
    """Count the samples in each of the bins 0 to M - 1, int64 ``(M,)``; bin M is not counted.

    The counts are integers, so that the result is deterministic. The function is a custom operation, because
    a compiler turns scatter and comparisons into loops that take several times as long. On a GPU it avoids
    ``bincount``, which would read the largest index on the host and so wait for the device.
    """
    index = index.flatten()
    if index.device.type != "cpu":
        ones = index.new_ones(()).expand(index.shape)
        return index.new_zeros(bins + 1).scatter_add_(0, index.long(), ones)[:bins].long()
    if bins > _BYTE or len(index) % 2:
        return index.bincount(minlength=bins)[:bins].clone()
    # Count pairs of bins: half the increments, and increments of one bin cannot overlap.
    pairs = index.byte().view(torch.int16).bincount(minlength=(_BYTE + 1) * 256).view(-1, 256)
    return pairs.sum(0)[:bins] + pairs.sum(1)[:bins]


@bin_counts.register_fake
def _(index: Tensor, bins: int) -> Tensor:
    return index.new_empty(bins, dtype=torch.int64)


@bin_counts.register_vmap
def _(
    info: SimpleNamespace, in_dims: tuple[int | None, ...], index: Tensor, bins: int
) -> tuple[Tensor, int | None]:
    """Count a histogram for each sample, with the bins of all samples side by side."""
    if in_dims[0] is None:
        return bin_counts(index, bins), None
    own = index.movedim(in_dims[0], 0).flatten(1)
    first = (bins + 1) * torch.arange(info.batch_size, dtype=index.dtype, device=index.device)
    counts = bin_counts(own + first.unsqueeze(1), info.batch_size * (bins + 1))
    return counts.view(info.batch_size, bins + 1)[:, :bins], 0


def select(table: Tensor, index: Tensor) -> Tensor:
    """Return ``table[index]`` of a table ``(M,)``; several times faster than indexing on a CPU."""
    return table.index_select(0, index.flatten()).view_as(index)


_look_up = torch.library.custom_op("losses::select", select, mutates_args=())  # or a compiler makes it slow


@_look_up.register_fake
def _(table: Tensor, index: Tensor) -> Tensor:
    return torch.empty_like(index, dtype=table.dtype)


def _summed_over_processes(counts: Tensor) -> Tensor:
    """Sum the counts over all processes, so that each process uses the density of the whole batch."""
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(counts)
    return counts


class GradientHarmonizing(ModulatedLoss):
    """The common part of GHM-C and GHM-R: the density of gradient norms, and the weights N / (density · bins).

    The running density is the buffer ``acc_sum``; calls in training mode update it. As in the
    released code it starts at 0 without bias correction (the first step is 1 / (1 - momentum) times larger)
    and does not decay in empty bins.
    """

    acc_sum: Tensor
    value_and_slope: ClassVar[ValueAndSlope]
    """The plain loss and its derivative by the prediction, whose size is the gradient norm g; see ``fused``."""
    slope: ClassVar[Slope]
    """The derivative alone."""
    constants: tuple[float, ...] = ()
    """Further arguments of both."""

    def __init__(
        self, bins: int, momentum: float, normalize: str, *, setting: str | None = None, reduction: str
    ) -> None:
        super().__init__(reduction=reduction, setting=setting)
        self.bins = whole_number("bins", bins, at_least=1)
        self.momentum = number("momentum", momentum, at_least=0, below=1)
        self.normalize = choice("normalize", normalize, ("nonempty", "bins"))
        self.register_buffer("acc_sum", torch.zeros(self.bins, dtype=torch.float64))

    def forward(self, prediction: Tensor, target: Tensor, *, mask: Tensor | None = None) -> Tensor:
        """Compute the loss as ``Loss.forward`` does; in training mode, also update the running density."""
        prediction, target, mask = self.prepare(prediction, target, mask)
        with torch.no_grad():
            value, derivative = self.value_and_slope(prediction.detach(), target.detach(), *self.constants)
            index, counts = self._histogram(derivative, mask)
            weight = self._weights(index, counts, prediction.dtype)
        if self.training and self.momentum > 0:
            self.acc_sum.copy_(self._density(counts))
        if target.requires_grad:
            loss = self.base_loss(prediction, target) * weight
        else:
            loss = weighted(value, derivative, weight, self.slope, prediction, target, *self.constants)
        return self.reduce(loss, target, mask)

    @torch.no_grad()
    def modulation(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the weight N / (density · bins) of each sample, without gradient and without changing state."""
        slope = self.slope(prediction, target, *self.constants)
        return self._weights(*self._histogram(slope, None), prediction.dtype)

    def _histogram(self, slope: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the bin of each sample and the number of samples in each bin."""
        index = gradient_bins(slope, self.bins)
        kept = index if mask is None else index.masked_fill(expand_mask(mask, index) == 0, self.bins)
        return index, _summed_over_processes(bin_counts(kept, self.bins))

    def _density(self, counts: Tensor) -> Tensor:
        """Return the counts, or their running mean, which does not change in empty bins."""
        if self.momentum == 0:
            return counts
        mixed = self.momentum * self.acc_sum + (1 - self.momentum) * counts
        return mixed.where(counts > 0, self.acc_sum)

    def _weights(self, index: Tensor, counts: Tensor, dtype: torch.dtype) -> Tensor:
        filled = counts > 0
        number_of_bins = filled.sum().clamp_min(1) if self.normalize == "nonempty" else self.bins
        share = counts.sum().to(dtype) / number_of_bins
        weight = (share / self._density(counts).to(dtype)).masked_fill(~filled, 0)
        look_up = _look_up if torch.compiler.is_compiling() else select
        return look_up(weight, index)


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
    value_and_slope = staticmethod(bce_and_residual)
    slope = staticmethod(binary_residual)

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
        """Turn classes into one-hot rows, for K sigmoids."""
        prediction, target, mask = super().prepare(prediction, target, mask)
        return prediction, as_distribution(target, prediction) if self.setting == "class" else target, mask

    def base_loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute BCE."""
        return binary_cross_entropy(prediction, target)


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
    value_and_slope = staticmethod(_asl1_and_slope)
    slope = staticmethod(_asl1_slope)

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
        self.constants = (self.mu,)

    def base_loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute ASL1."""
        return authentic_smooth_l1(prediction, target, self.mu)
