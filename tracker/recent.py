"""Frame 1 and the most recent samples, as maps: the memory of the solvers that take any loss."""

import torch
from torch import Tensor


class RecentSamples:
    """Training samples and their labels with weights that sum to 1; slot 0 keeps frame 1 for ever.

    Args:
        capacity: samples kept, frame 1's among them.
        features: of frame 1, float ``(C, h, w)``.
        label: its label, float ``(rows, columns)``.
        interp_factor: share of the whole that a new sample takes, in (0, 1]; all others fade by it and the
            lightest but frame 1 goes. None: a ring, in which frame 1 and the latest samples weigh the same.
    """

    def __init__(self, capacity: int, features: Tensor, label: Tensor, interp_factor: float | None) -> None:
        self._features = features.new_zeros(capacity, *features.shape)
        self._labels = label.new_zeros(capacity, 1, *label.shape)
        self._interp_factor = interp_factor
        self._weights: list[float] = []
        self._newest = 0
        self._store(0, features, label)

    def add(self, features: Tensor, label: Tensor) -> None:
        """Add a sample; a memory of one keeps frame 1 alone."""
        capacity = len(self._features)
        if capacity == 1:
            return
        self._newest = self._newest % (capacity - 1) + 1  # the oldest is also the lightest
        self._store(self._newest, features, label)

    def _store(self, slot: int, features: Tensor, label: Tensor) -> None:
        self._features[slot], self._labels[slot, 0] = features, label
        rate = self._interp_factor
        if not self._weights:
            self._weights = [1.0]
            return
        if slot == len(self._weights):
            self._weights.append(0.0)
        if rate is None:
            self._weights = [1.0] * len(self._weights)
        else:
            self._weights = [weight * (1 - rate) for weight in self._weights]
            self._weights[slot] = rate
        total = sum(self._weights)
        self._weights = [weight / total for weight in self._weights]

    @property
    def features(self) -> Tensor:
        """``(N, C, h, w)``."""
        return self._features[: len(self._weights)]

    @property
    def labels(self) -> Tensor:
        """``(N, 1, rows, columns)``."""
        return self._labels[: len(self._weights)]

    @property
    def weights(self) -> Tensor:
        """``(N,)``, summing to 1."""
        return torch.tensor(self._weights, device=self._features.device, dtype=self._features.dtype)
