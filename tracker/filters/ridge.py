"""Closed-form ridge regression in the Fourier domain, the reference."""

from dataclasses import dataclass

import torch
from torch import Tensor

from tracker.checks import positive
from tracker.filters.base import FILTERS, FilterModel
from tracker.filters.memory import SampleMemory


@FILTERS.register("ridge")
@dataclass(eq=False)
class RidgeFilter(FilterModel):
    """The exact minimiser over filters as large as the map.

    The frequencies decouple: ``W = Xᴴ S (S X Xᴴ S + λ)⁻¹ S y`` at each, with the samples as rows of ``X`` and the
    roots of their weights, which may be 0, in ``S``. This is the dual form of multi-channel ridge regression, a
    system of the memory's size; with one sample it is the filter of Bolme et al., CVPR 2010, and Henriques et al.,
    PAMI 2015, eq. 21. It is not the default because it also learns the background.

    Args:
        regularisation: ``λ`` > 0, in units of squared features.
    """

    regularisation: float = 1e3

    def __post_init__(self) -> None:
        positive("regularisation", self.regularisation)

    def start(self, memory: SampleMemory, target_hw: tuple[int, int]) -> None:
        """Fit to frame 1; the filter is as large as the map for any target."""
        self._size_hw = memory.size_hw
        self.fit(memory)

    def fit(self, memory: SampleMemory) -> None:
        """Solve for the samples in the memory."""
        samples = memory.features.permute(2, 3, 0, 1)  # (h, w//2+1, N, C)
        roots = memory.weights.sqrt()[:, None]
        samples = roots * samples
        ridge = self.regularisation * torch.eye(len(roots), device=samples.device)
        labels = roots * memory.labels.permute(1, 2, 0).unsqueeze(-1)
        dual = torch.linalg.solve(samples @ samples.mH + ridge, labels)
        self._spectrum = (samples.mH @ dual).squeeze(-1).permute(2, 0, 1)

    @property
    def support(self) -> tuple[slice, slice]:
        """The whole map."""
        return slice(0, self._size_hw[0]), slice(0, self._size_hw[1])

    @property
    def weights(self) -> Tensor:
        """The filter, float32 ``(C, h, w)``."""
        return torch.fft.irfft2(self._spectrum.conj(), s=self._size_hw)

    @property
    def spectrum(self) -> Tensor:
        """Complex conjugate of the filter's spectrum, complex64 ``(C, h, w//2+1)``."""
        return self._spectrum
