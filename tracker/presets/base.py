"""What a preset is: a function that builds a tracker, registered by the tracker's name."""

import inspect
from collections.abc import Iterable
from typing import Any

import torch

from data.registry import Registry, nearest

TRACKERS: Registry = Registry("tracker", "tracker.presets")
"""Name -> builder, called with ``device``, ``weights`` and settings."""


def chosen(settings: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Those of the settings that have one of the names."""
    return {name: value for name, value in settings.items() if name in names}


def arguments(cls: type) -> set[str]:
    """Names of the arguments of a class."""
    return set(inspect.signature(cls).parameters)


def check_known(setting: str, known: Iterable[str]) -> None:
    """Refuse a setting that nothing takes, with the nearest name that something does."""
    if setting not in known:
        choices = ", ".join(sorted(known))
        raise ValueError(f"unknown setting {setting!r}: {nearest(setting, known)}settings are {choices}")


def check_device(device: str | torch.device) -> torch.device:
    """The device as torch has it.

    Raises:
        ValueError: torch knows no such device, or it is a GPU and torch sees none.
    """
    try:
        checked = torch.device(device)
    except RuntimeError:
        raise ValueError(f"device must be like 'cpu', 'cuda' or 'cuda:1', got {device!r}") from None
    if checked.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device {device!r} was asked for, but torch {torch.__version__} sees no CUDA device"
        )
    return checked
