"""Trackers by name, or out of the file of a trained one."""

from typing import Any

import torch

from tracker.base import Tracker
from tracker.network.checkpoint import SUFFIX
from tracker.presets.base import TRACKERS


def load_tracker(
    name: str, *, device: str | torch.device = "cpu", weights: str | None = None, **settings: Any
) -> Tracker:
    """Build a tracker by its registered name, or from a checkpoint that was trained here.

    Args:
        name: one of ``list_trackers()``, or the path of a checkpoint (``….safetensors``), which stands for
            ``fast`` with these weights.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"`` …
        weights: file with the weights of the backbone, where it has any; None for the published ones.
        settings: what is to differ: ``backbone`` and ``filter``, for the DSLT family ``solver`` (registered
            names) and ``criterion`` (a loss module), and any argument of the classes these build:
            ``CorrelationFilterTracker`` and its filter, ``DSLTTracker``, ``TwoLevelFeatures`` and its solver.

    Raises:
        ValueError: an unknown name or setting (the nearest one is named), or a value outside its range.
        FileNotFoundError: the weights file does not exist.
    """
    if name.endswith(SUFFIX):
        if weights is not None:
            raise ValueError(
                f"the checkpoint {name} holds its weights itself, got weights={weights!r} as well"
            )
        name, weights = "fast", name
    return TRACKERS[name](device=device, weights=weights, **settings)


def list_trackers() -> list[str]:
    """Names that ``load_tracker`` knows, sorted."""
    return list(TRACKERS)
