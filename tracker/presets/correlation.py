"""Correlation-filter trackers: a backbone, a filter and the few settings that differ."""

from typing import Any

import torch

from tracker.backbones import Backbone, build_backbone
from tracker.correlation import CorrelationFilterTracker
from tracker.filters import FILTERS
from tracker.presets.base import TRACKERS, arguments, check_device, check_known, chosen

_PARTS = {"backbone", "model", "reduction", "refiner", "device"}
"""Arguments of ``CorrelationFilterTracker`` that are no plain settings."""


@TRACKERS.register("gray")
def gray(**settings: Any) -> CorrelationFilterTracker:
    """Grey levels alone: the weakest and quickest; they cannot judge a size, so it stays that of frame 1."""
    return correlation_filter_tracker(**{"backbone": "gray", "num_scales": 1, **settings})


@TRACKERS.register("hog")
def hog(**settings: Any) -> CorrelationFilterTracker:
    """Histograms of oriented gradients and colour, without any weights."""
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
    return assemble(build_backbone(backbone, weights), filter, device, settings)


def assemble(
    backbone: Backbone, filter: str, device: str | torch.device, settings: dict[str, Any], **parts: Any
) -> CorrelationFilterTracker:
    """Put a ``CorrelationFilterTracker`` together from a backbone, the name of a filter, and settings."""
    filter_class = FILTERS[filter]
    of_filter = arguments(filter_class)
    of_tracker = arguments(CorrelationFilterTracker) - _PARTS
    for setting in settings:
        check_known(setting, of_filter | of_tracker)
    model = filter_class(**chosen(settings, of_filter))
    return CorrelationFilterTracker(
        backbone, model, device=check_device(device), **parts, **chosen(settings, of_tracker)
    )
