"""Presets, functions that build a tracker, registered by the tracker's name."""

from typing import Any, Protocol

import torch

from data.registry import Registry
from tracker.base import Tracker
from tracker.network.regression_net import RegressionNet


class Preset(Protocol):
    """Builds a tracker; registered in ``TRACKERS`` by the tracker's name."""

    def __call__(
        self, *, device: str | torch.device, weights: str | RegressionNet | None, **settings: Any
    ) -> Tracker:
        """Build the tracker.

        Args:
            device: device of the tracker.
            weights: file with the weights of its backbone, or a network; None for the tracker's own.
            settings: settings that differ from the preset's.

        Raises:
            ValueError: an unknown setting, or a value outside its range.
        """


TRACKERS: Registry[Preset] = Registry("tracker", "tracker.presets")
"""Name -> ``Preset``."""


def check_device(device: str | torch.device) -> torch.device:
    """Return the torch device ``device``.

    Raises:
        ValueError: torch knows no such device, or it is a GPU and torch finds none.
    """
    try:
        checked = torch.device(device)
    except RuntimeError:
        raise ValueError(f"device must be like 'cpu', 'cuda' or 'cuda:1', got {device!r}") from None
    if checked.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device {device!r} was asked for, but torch {torch.__version__} sees no CUDA device"
        )
    try:
        torch.empty(0, device=checked)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ValueError(
            f"device {device!r} was asked for, but torch {torch.__version__} sees none"
        ) from None
    return checked
