"""The on-line memory of training samples, which always keeps frame 1."""

import torch
from torch import Tensor


class SampleMemory:
    """Spectra of training samples and their labels with weights that sum to 1.

    Slot 0 always keeps frame 1. A new sample replaces the sample of least weight in the other slots.

    Args:
        capacity: number of samples kept.
        first: spectrum of frame 1's features, complex64 ``(C, h, w//2+1)``.
        label: label of frame 1, float32 ``(h, w)``, centred.
    """

    def __init__(self, capacity: int, first: Tensor, label: Tensor) -> None:
        self.size_hw = (label.shape[-2], label.shape[-1])
        self._features = first.new_zeros(capacity, *first.shape)
        self._labels = first.new_zeros(capacity, *first.shape[1:])
        self._weights = [0.0] * capacity
        self._count = 0
        self._store(0, first, label, 1.0)

    def add(self, spectrum: Tensor, label: Tensor, rate: float) -> None:
        """Multiply all weights by ``1 - rate`` and add a sample of weight ``rate``; a memory of one stays as it is."""
        if len(self._weights) == 1:
            return
        self._weights = [weight * (1 - rate) for weight in self._weights]
        others = self._weights[1:]
        self._store(1 + others.index(min(others)), spectrum, label, rate)
        total = sum(self._weights)
        self._weights = [weight / total for weight in self._weights]

    def _store(self, slot: int, spectrum: Tensor, label: Tensor, weight: float) -> None:
        self._features[slot] = spectrum
        self._labels[slot] = torch.fft.rfft2(torch.fft.ifftshift(label))
        self._weights[slot] = weight
        self._count = max(self._count, slot + 1)

    @property
    def features(self) -> Tensor:
        """Spectra of the samples, complex64 ``(N, C, h, w//2+1)``."""
        return self._features[: self._count]

    @property
    def labels(self) -> Tensor:
        """Spectra of the labels, complex64 ``(N, h, w//2+1)``, zero displacement at index (0, 0)."""
        return self._labels[: self._count]

    @property
    def weights(self) -> Tensor:
        """Weights of the samples, float32 ``(N,)``, summing to 1."""
        return torch.tensor(self._weights[: self._count], device=self._features.device)
