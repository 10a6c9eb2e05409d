"""The memory of the solvers that take any loss: maps of frame 1 and of the latest frames."""

import torch
from torch import Tensor

from tracker.solvers.problem import padded_spectra


class RecentSamples:
    """Training samples and their labels with weights that sum to 1; slot 0 always keeps frame 1.

    The other slots are a ring of the latest samples, all of one fixed weight. Until the ring is full, frame 1 carries
    the weight of the empty slots.

    Args:
        capacity: number of samples kept, including frame 1's.
        features: features of frame 1, float ``(C, h, w)``.
        label: label of frame 1, float ``(rows, columns)``.
        padding_hw: zeros around the features in their spectra.
        first_weight: weight of frame 1 once the memory is full, in (0, 1].
    """

    def __init__(
        self,
        capacity: int,
        features: Tensor,
        label: Tensor,
        padding_hw: tuple[int, int],
        first_weight: float,
    ) -> None:
        spectrum = padded_spectra(features, padding_hw)
        self._features = features.new_zeros(capacity, *features.shape)
        self._spectra = spectrum.new_zeros(capacity, *spectrum.shape)
        self._labels = label.new_zeros(capacity, 1, *label.shape)
        self._padding_hw = padding_hw
        self._store(0, features, label)
        self._recent_weight = (1 - first_weight) / max(capacity - 1, 1)
        self._count, self._newest = 1, 0

    def add(self, features: Tensor, label: Tensor) -> None:
        """Replace the oldest sample other than frame 1; a memory of one stays as it is."""
        capacity = len(self._features)
        if capacity == 1:
            return
        self._newest = self._newest % (capacity - 1) + 1
        self._store(self._newest, features, label)
        self._count = max(self._count, self._newest + 1)

    def _store(self, slot: int, features: Tensor, label: Tensor) -> None:
        self._features[slot], self._labels[slot, 0] = features, label
        self._spectra[slot] = padded_spectra(features, self._padding_hw)

    @property
    def features(self) -> Tensor:
        """Features ``(N, C, h, w)``."""
        return self._features[: self._count]

    @property
    def spectra(self) -> Tensor:
        """``padded_spectra`` of the features."""
        return self._spectra[: self._count]

    @property
    def labels(self) -> Tensor:
        """Labels ``(N, 1, rows, columns)``."""
        return self._labels[: self._count]

    @property
    def weights(self) -> Tensor:
        """Weights ``(N,)``, summing to 1."""
        weights = torch.full_like(self._labels[: self._count, 0, 0, 0], self._recent_weight)
        weights[0] = 1 - (self._count - 1) * self._recent_weight
        return weights
