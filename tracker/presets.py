"""The trackers that can be loaded by name: a backbone, a filter and the few settings that differ."""

import inspect
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import torch

from data.registry import Registry
from tracker.backbones import build_backbone
from tracker.base import Tracker
from tracker.checkpoint import SUFFIX
from tracker.correlation import CorrelationFilterTracker
from tracker.filters import FILTERS
from tracker.identity import IdentityTracker

TRACKERS: Registry = Registry("tracker")
"""Name -> builder, called with ``device``, ``weights`` and settings."""


def load_tracker(
    name: str, *, device: str | torch.device = "cpu", weights: str | None = None, **settings: Any
) -> Tracker:
    """Build a tracker by its registered name, or from a checkpoint that was trained here.

    Args:
        name: one of ``list_trackers()``, or the path of a checkpoint (``….safetensors``), which stands for
            ``fast`` with these weights.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"`` …
        weights: file with the weights of the backbone, where it has any; None for the published ones.
        settings: what is to differ: ``backbone`` and ``filter`` (registered names), and any argument of
            ``CorrelationFilterTracker`` and of the filter.

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


@TRACKERS.register("identity")
def identity(*, device: str | torch.device, weights: str | None) -> IdentityTracker:
    """The first box for ever."""
    return IdentityTracker()


@TRACKERS.register("gray")
def gray(**settings: Any) -> CorrelationFilterTracker:
    """Grey levels alone: the weakest and quickest; they cannot judge a size, so it stays that of frame 1."""
    return correlation_filter_tracker(**{"backbone": "gray", "num_scales": 1, **settings})


@TRACKERS.register("hog")
def hog(**settings: Any) -> CorrelationFilterTracker:
    """Histograms of oriented gradients and colour: the default, without any weights."""
    return correlation_filter_tracker(**{"backbone": "hog+color", **settings})


@TRACKERS.register("squeezenet")
def squeezenet(**settings: Any) -> CorrelationFilterTracker:
    """fHOG, colour and two levels of an ImageNet SqueezeNet: slower, with a sense of objects."""
    return correlation_filter_tracker(**{"backbone": "hog+color+squeezenet", "max_channels": 34, **settings})


def correlation_filter_tracker(
    *,
    backbone: str,
    filter: str = "spatial",
    device: str | torch.device = "cpu",
    weights: str | None = None,
    **settings: Any,
) -> CorrelationFilterTracker:
    """Put a ``CorrelationFilterTracker`` together from names and settings; see ``load_tracker``."""
    filter_class = FILTERS[filter]
    of_filter = _arguments(filter_class)
    of_tracker = _arguments(CorrelationFilterTracker) - {"backbone", "model", "device"}
    for setting in settings:
        _check_known(setting, of_filter | of_tracker | {"backbone", "filter"})
    model = filter_class(**{key: value for key, value in settings.items() if key in of_filter})
    return CorrelationFilterTracker(
        build_backbone(backbone, weights),
        model,
        device=_check_device(device),
        **{key: value for key, value in settings.items() if key in of_tracker},
    )


def _arguments(cls: type) -> set[str]:
    return set(inspect.signature(cls).parameters)


def _check_known(setting: str, known: Iterable[str]) -> None:
    if setting not in known:
        near = get_close_matches(setting, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(f"unknown setting {setting!r}: {hint}settings are {', '.join(sorted(known))}")


def _check_device(device: str | torch.device) -> torch.device:
    try:
        checked = torch.device(device)
    except RuntimeError:
        raise ValueError(f"device must be like 'cpu', 'cuda' or 'cuda:1', got {device!r}") from None
    if checked.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device {device!r} was asked for, but torch {torch.__version__} sees no CUDA device"
        )
    return checked
