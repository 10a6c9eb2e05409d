"""Trackers with the losses they learn with on line: the one place where the two packages meet."""

from typing import Any

from losses import build_loss
from tracker import Tracker, load_tracker

ONLINE_LOSSES: dict[str, dict[str, Any]] = {
    "dslt-paper": {"name": "shrinkage"},
    "dslt-code": {"name": "shrinkage", "importance": "dslt_code"},
}
"""The loss that a preset stands for, as ``build_loss`` takes it."""


def load_with_loss(name: str, **settings: Any) -> Tracker:
    """``load_tracker`` with the loss that the tracker's name stands for, where it stands for one.

    Raises:
        ValueError, FileNotFoundError: As ``load_tracker``.
    """
    if name in ONLINE_LOSSES:
        settings = {"criterion": build_loss(**ONLINE_LOSSES[name], reduction="sum"), **settings}
    return load_tracker(name, **settings)
