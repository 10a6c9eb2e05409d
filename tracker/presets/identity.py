"""The tracker that never moves, by name."""

from typing import Any

import torch

from tracker.identity import IdentityTracker
from tracker.presets.base import TRACKERS


@TRACKERS.register("identity")
def identity(
    *, device: str | torch.device = "cpu", weights: object = None, **settings: Any
) -> IdentityTracker:
    """The box of frame 1 in every frame, a lower bound for benchmarks."""
    if weights is not None or settings:
        raise ValueError(f"identity has neither weights nor settings, got {weights or settings!r}")
    return IdentityTracker()
