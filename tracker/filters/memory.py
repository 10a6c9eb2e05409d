"""The on-line memory: a few training samples, the first frame's never forgotten."""

import torch
from torch import Tensor


class SampleMemory:
    """Spectra of training samples and their labels with weights that sum to 1.

    Slot 0 keeps frame 1 for ever; a new sample replaces the lightest of the others.

    Args:
        capacity: number of samples kept.
        first: spectrum of frame 1's features, complex64 ``(C, h, w//2+1)``.
        label: its label, float32 ``(h, w)``, centred.
    """

    def __init__(self, capacity: int, first: Tensor, label: Tensor) -> None:
        self.size_hw = (label.shape[-2], label.shape[-1])
        self._features = first.new_zeros(capacity, *first.shape)
        self._labels = first.new_zeros(capacity, *first.shape[1:])
        self._weights = [0.0] * capacity
        self._count = 0
        self._store(0, first, label, 1.0)

    def add(self, spectrum: Tensor, label: Tensor, rate: float) -> None:
        """Fade all samples by ``1 - rate`` and add one of weight ``rate``; a memory of one keeps frame 1 alone."""
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
        """complex64 ``(N, C, h, w//2+1)``: spectra of the samples."""
        return self._features[: self._count]

    @property
    def labels(self) -> Tensor:
        """complex64 ``(N, h, w//2+1)``: spectra of the labels, zero displacement at index (0, 0)."""
        return self._labels[: self._count]

    @property
    def weights(self) -> Tensor:
        """float32 ``(N,)``: weights of the samples, summing to 1."""
        return torch.tensor(self._weights[: self._count], device=self._features.device)
