"""The objective of the on-line solvers: the regression of one filter to a few samples, with any regression loss."""

from dataclasses import dataclass, replace
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tracker.filters.spatial import SupportTransform

SMALLEST_ERROR = 1e-4
"""Lower bound on |error| in the quotient slope / error, where both go to 0."""


@dataclass(frozen=True)
class Regression:
    """Minimise ``Σ_j a_j Σ_u L(p_j(u), y_j(u)) + λ |w|²`` over one filter ``w``, ``p_j = x_j ⋆ w + 0``.

    ``⋆`` is correlation with zeros around the features, ``p(u) = Σ_t x(t + u − padding) w(t)``, so that a
    response has ``h + 2·padding − rows + 1`` rows. A multi-level filter is one filter over all channels. There is no
    bias: with its learning rate in DSLT (ECCV 2018) it changes by about 1e-5 in all of frame 1.

    The solvers apply the filter to the same samples many times, for which products of spectra are several times
    faster than convolutions. The zeros prevent the products from wrapping around.

    Attributes:
        features: float ``(N, C, h, w)``.
        spectra: ``padded_spectra`` of the features.
        labels: float ``(N, 1, rows, columns)`` in [0, 1], of the response's size.
        weights: float ``(N,)``, the samples' weights ``a``.
        criterion: loss ``L`` of response and label, both ``(N, 1, rows, columns)``; a ``mean`` or ``batchmean``
            reduction is undone, so that the loss is the sum over the locations, as in the paper.
        regularisation: ``λ`` >= 0, in units of squared features.
        padding_hw: zeros on either side of the features.
    """

    features: Tensor
    spectra: Tensor
    labels: Tensor
    weights: Tensor
    criterion: nn.Module
    regularisation: float
    padding_hw: tuple[int, int]

    def only(self, sample: int) -> "Regression":
        """Return the regression to one of the samples, with weight 1."""
        one = slice(sample, sample + 1)
        return replace(
            self,
            features=self.features[one],
            spectra=self.spectra[one],
            labels=self.labels[one],
            weights=torch.ones_like(self.weights[one]),
        )

    def respond(self, kernel: Tensor) -> Tensor:
        """Compute the responses ``(N, 1, rows, columns)`` of the samples to a filter ``(C, kernel_h, kernel_w)``."""
        transform = self._transform((kernel.shape[1], kernel.shape[2]))
        product = (self.spectra * transform.forward(kernel)).sum(1, keepdim=True)
        rows, columns = self.labels.shape[-2:]
        return torch.fft.irfft2(product, s=self._padded_hw)[..., :rows, :columns]

    def adjoint(self, maps: Tensor, kernel_hw: tuple[int, int]) -> Tensor:
        """Apply the transpose of ``respond`` to maps of the responses' shape: ``(C, kernel_h, kernel_w)``."""
        spectra = torch.fft.rfft2(maps, s=self._padded_hw)
        return self._transform(kernel_hw).inverse((self.spectra * spectra.conj()).sum(0))

    @property
    def _padded_hw(self) -> tuple[int, int]:
        (height, width), (rows, columns) = self.features.shape[-2:], self.padding_hw
        return height + 2 * rows, width + 2 * columns

    def _transform(self, kernel_hw: tuple[int, int]) -> SupportTransform:
        return _support_transform(self._padded_hw, kernel_hw, self.spectra.device, self.spectra.dtype)

    def slopes(self, responses: Tensor) -> Tensor:
        """Compute ``a_j L'(p)``, the derivative of the loss by each response, ``(N, 1, rows, columns)``."""
        with torch.enable_grad():
            leaf = responses.detach().requires_grad_()
            total = summed_loss(self.criterion, leaf, self.labels)
            (slopes,) = torch.autograd.grad(total, leaf)
        return slopes * self.weights.view(-1, 1, 1, 1)

    def curvatures(self, responses: Tensor) -> Tensor:
        """Compute ``a_j L'(e) / 2e``, the weights for which least squares have the loss's slope at these responses.

        These are the weights of iteratively reweighted least squares for any loss that grows with the error: for
        Shrinkage ``w(Y) [f + a l f (1−f) / 2]`` with ``f = sigmoid(a (l − c))``, for L2 1.
        """
        error = responses - self.labels
        tiny = torch.where(error < 0, -SMALLEST_ERROR, SMALLEST_ERROR)
        moved = torch.where(error.abs() < SMALLEST_ERROR, self.labels + tiny, responses)
        return (self.slopes(moved) / (2 * (moved - self.labels))).clamp_min(0)

    def loss(self, kernel: Tensor) -> Tensor:
        """Compute the objective, a scalar."""
        responses = self.respond(kernel)
        samples = [
            summed_loss(self.criterion, response[None], label[None])
            for response, label in zip(responses, self.labels, strict=True)
        ]
        return self.weights @ torch.stack(samples) + self.regularisation * kernel.square().sum()


def padded_spectra(features: Tensor, padding_hw: tuple[int, int]) -> Tensor:
    """Transform features ``(N, C, h, w)`` with zeros around to half spectra, complex ``(N, C, h + 2·padding_h, …)``."""
    rows, columns = padding_hw
    return torch.fft.rfft2(F.pad(features, (columns, columns, rows, rows)))


@lru_cache(maxsize=16)
def _support_transform(
    size_hw: tuple[int, int], kernel_hw: tuple[int, int], device: torch.device, dtype: torch.dtype
) -> SupportTransform:
    return SupportTransform(size_hw, slice(0, kernel_hw[0]), slice(0, kernel_hw[1]), device, dtype)


class LabelWeightedSquares(nn.Module):
    """The quadratic loss ``Σ exp(Y) e²``, which is Shrinkage loss (ECCV 2018) without the shrinkage.

    The target's pixels weigh up to e times as much as the background's. It is the default loss of trackers, which
    therefore run without the package of losses.
    """

    def forward(self, response: Tensor, label: Tensor) -> Tensor:
        """Compute the sum over all locations, a scalar."""
        return (label.exp() * (response - label).square()).sum()


def correlate(features: Tensor, kernel: Tensor, padding_hw: tuple[int, int]) -> Tensor:
    """Correlate features ``(N, C, h, w)`` with one filter ``(C, kernel_h, kernel_w)``.

    One matrix product for all cells, then overlapping sums, is about three times as fast on a CPU as a convolution
    with a single output channel.

    Returns:
        ``(N, 1, h + 2·padding_h − kernel_h + 1, w + 2·padding_w − kernel_w + 1)``.
    """
    kernel_hw = (kernel.shape[1], kernel.shape[2])
    rows, columns = (
        length + 2 * padding - kernel_length + 1
        for length, padding, kernel_length in zip(features.shape[-2:], padding_hw, kernel_hw, strict=True)
    )
    products = kernel.flip(1, 2).flatten(1).T @ features.flatten(2)
    padding = kernel_hw[0] - 1 - padding_hw[0], kernel_hw[1] - 1 - padding_hw[1]
    return F.fold(products, (rows, columns), kernel_hw, padding=padding)


def summed_loss(criterion: nn.Module, responses: Tensor, labels: Tensor) -> Tensor:
    """Compute the loss summed over all locations, for any reduction of the criterion."""
    loss = criterion(responses, labels)
    reduction = getattr(criterion, "reduction", "sum")
    if reduction == "mean":
        return loss * labels.numel()
    if reduction == "batchmean":
        return loss * len(labels)
    return loss.sum()
