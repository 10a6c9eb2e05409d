"""The default filter, which is confined to the target and fitted by a few conjugate-gradient steps per frame."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.checks import positive, whole
from tracker.conjugate_gradient import conjugate_gradient
from tracker.filters.base import FILTERS, FilterModel
from tracker.filters.memory import SampleMemory
from tracker.search_area import middle


@FILTERS.register("spatial")
@dataclass(eq=False)
class SpatialFilter(FilterModel):
    """A filter that is zero outside the target's box, so that it learns the target and not the background.

    The constrained problem has no closed form. Conjugate gradient on the unknowns inside the box starts from the last
    frame's filter. Stopping early is part of the regularisation.

    Args:
        regularisation: ``λ`` > 0, in units of squared features.
        first_iterations: number of conjugate-gradient steps in frame 1, at least 1.
        iterations: number of steps in every later frame.
        initial: filter from which frame 1 starts, float32 ``(C, rows, columns)``, resized to each target's box,
            e.g. meta-learned (``losses.maml``); None: zero.
    """

    regularisation: float = 0.4
    first_iterations: int = 20
    iterations: int = 2
    initial: Tensor | None = None

    def __post_init__(self) -> None:
        positive("regularisation", self.regularisation)
        whole("first_iterations", self.first_iterations, 1)
        whole("iterations", self.iterations, 0)

    def start(self, memory: SampleMemory, target_hw: tuple[int, int]) -> None:
        """Fit to frame 1 on the ``target_hw`` cells in the middle of the map."""
        rows, columns = (
            middle(target, length) for target, length in zip(target_hw, memory.size_hw, strict=True)
        )
        self._support = rows, columns
        self._transform = SupportTransform(memory.size_hw, rows, columns, memory.features.device)
        self._product = memory.features.new_empty(0)
        shape = memory.features.shape[1], rows.stop - rows.start, columns.stop - columns.start
        self._weights = self._initial_weights(memory.weights.new_zeros(shape))
        self._solve(memory, self.first_iterations)

    def _initial_weights(self, zeros: Tensor) -> Tensor:
        if self.initial is None:
            return zeros
        if self.initial.ndim != 3 or len(self.initial) != len(zeros):
            raise ValueError(
                f"initial filter must be (C, rows, columns) with the features' {len(zeros)} channels, "
                f"got {tuple(self.initial.shape)}"
            )
        initial = self.initial.to(zeros)[None]
        return F.interpolate(initial, zeros.shape[1:], mode="bilinear", align_corners=False)[0]

    def fit(self, memory: SampleMemory) -> None:
        """Take a few steps from the current filter towards the memory's minimiser."""
        self._solve(memory, self.iterations)

    def _solve(self, memory: SampleMemory, iterations: int) -> None:
        samples, weights = memory.features, memory.weights.view(-1, 1, 1)
        if self._product.shape != samples.shape:  # kept, because allocating megabytes at each step costs time
            self._product = torch.empty_like(samples)
        product = self._product

        def correlate(responses: Tensor) -> Tensor:
            """Correlate the samples with (conjugate spectra of) responses and sum over j with a_j, on the support."""
            torch.mul(samples, (weights * responses)[:, None], out=product)
            return self._transform.inverse(product.sum(0))

        def normal(filter_: Tensor) -> Tensor:
            """Compute the left side of the normal equations."""
            torch.mul(samples, self._transform.forward(filter_), out=product)
            return correlate(product.sum(1).conj()).add_(filter_, alpha=self.regularisation)

        target = correlate(memory.labels.conj())
        self._weights = conjugate_gradient(normal, target, self._weights, iterations)
        self._spectrum = self._transform.forward(self._weights)

    @property
    def support(self) -> tuple[slice, slice]:
        """The target's cells in the middle of the map."""
        return self._support

    @property
    def weights(self) -> Tensor:
        """The filter on its support, float32 ``(C, rows, columns)``."""
        return self._weights

    @property
    def spectrum(self) -> Tensor:
        """Complex conjugate of the filter's spectrum, complex64 ``(C, h, w//2+1)``."""
        return self._spectrum


class SupportTransform:
    """Fourier transform of a small block of a map, as two small matrix products.

    For a small block this is faster than padding the block to the map and transforming the map.

    Args:
        size_hw: size of the map.
        rows: rows of the block.
        columns: columns of the block.
        device: device of blocks and spectra.
        dtype: dtype of the spectra.
    """

    def __init__(
        self,
        size_hw: tuple[int, int],
        rows: slice,
        columns: slice,
        device: torch.device,
        dtype: torch.dtype = torch.complex64,
    ) -> None:
        height, width = size_hw
        self._rows = _conjugate_dft(height, height, rows).to(device, dtype)  # (h, rows)
        across = _conjugate_dft(width // 2 + 1, width, columns).to(dtype)  # (w//2+1, columns)
        # The inverse counts each frequency of a half spectrum twice, except frequencies that mirror themselves.
        frequency = torch.arange(width // 2 + 1)
        mirrored = torch.where((frequency == 0) | (2 * frequency == width), 1.0, 2.0).to(across.real)
        back = across * (mirrored / (height * width))[:, None]
        # Real and imaginary parts side by side: the products with real data stay real.
        self._columns = torch.view_as_real(across.T.contiguous()).flatten(1).to(device)
        self._back = torch.stack([back.real, -back.imag], dim=1).flatten(0, 1).contiguous().to(device)

    def forward(self, block: Tensor) -> Tensor:
        """Transform a real ``block`` ``(C, rows, columns)`` to its conjugate half spectrum ``(C, h, w//2+1)``."""
        channels, rows, columns = block.shape
        across = block.reshape(-1, columns) @ self._columns
        return self._rows @ torch.view_as_complex(across.view(channels, rows, -1, 2))

    def inverse(self, spectrum: Tensor) -> Tensor:
        """Compute the block ``(C, rows, columns)`` of the real map with a half ``spectrum`` ``(C, h, w//2+1)``."""
        down = torch.view_as_real(self._rows.T @ spectrum)
        return (down.flatten(0, 1).flatten(1) @ self._back).view(*down.shape[:2], -1)


def _conjugate_dft(frequencies: int, length: int, cells: slice) -> Tensor:
    """Compute ``exp(+2πi f t / length)`` for the first ``frequencies`` and the given cells, complex128."""
    turns = torch.outer(
        torch.arange(frequencies, dtype=torch.float64), torch.arange(cells.start, cells.stop).double()
    )
    return torch.exp(2j * math.pi * (turns % length) / length)
