"""The interface of on-line regression filters, which minimise one objective in several ways."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from data.registry import Registry
from tracker.filters.memory import SampleMemory


@dataclass(eq=False)
class FilterModel(ABC):
    """A multi-channel correlation filter ``w`` regressed to Gaussian labels.

    All filters minimise ``Σ_j a_j |Σ_c x_jc ⋆ w_c − y_j|² + λ |w|²`` over the samples ``x_j`` of a memory with
    weights ``a_j``; ``⋆`` is circular correlation, ``(x ⋆ w)(u) = Σ_t x(t + u) w(t)``. They differ in the support of
    ``w`` and in the method of minimisation.

    A filter is a dataclass: its fields are its settings. ``λ`` is in units of squared features.
    """

    @abstractmethod
    def start(self, memory: SampleMemory, target_hw: tuple[int, int]) -> None:
        """Forget the last target and fit the filter to frame 1.

        Args:
            memory: holds the sample of frame 1.
            target_hw: height and width in cells of the target in the middle of the map.
        """

    @abstractmethod
    def fit(self, memory: SampleMemory) -> None:
        """Update the filter after the memory has changed."""

    @property
    @abstractmethod
    def support(self) -> tuple[slice, slice]:
        """Rows and columns of the map on which the filter may be non-zero."""

    @property
    @abstractmethod
    def weights(self) -> Tensor:
        """The filter on its support, float32 ``(C, rows, columns)``."""

    @property
    @abstractmethod
    def spectrum(self) -> Tensor:
        """Complex conjugate of the filter's spectrum, complex64 ``(C, h, w//2+1)``."""

    def response(self, spectrum: Tensor, size_hw: tuple[int, int]) -> Tensor:
        """Correlate features with the filter.

        Args:
            spectrum: spectrum of the features, complex64 ``(B, C, h, w//2+1)``.
            size_hw: size of the map.

        Returns:
            Response float32 ``(B, 1, h, w)``, zero displacement at ``(h//2, w//2)``.
        """
        product = (spectrum * self.spectrum).sum(-3, keepdim=True)
        return torch.fft.fftshift(torch.fft.irfft2(product, s=size_hw), dim=(-2, -1))


FILTERS: Registry[type[FilterModel]] = Registry("filter", "tracker.filters")
