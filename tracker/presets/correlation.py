"""Correlation-filter trackers: a backbone, a filter, and the few settings that differ from the defaults."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from tracker.backbones import Backbone, build_backbone
from tracker.box_follower import AnyBoxHead, BoxFollower, BoxSettings
from tracker.correlation import (
    CorrelationFilterTracker,
    CorrelationLearningSettings,
    CorrelationScaleSettings,
)
from tracker.features import FeatureExtractor
from tracker.filters import FILTERS
from tracker.motion import MotionSettings
from tracker.network.box_head import BoxHead
from tracker.network.onnx_engine import chosen_runtime, on_onnx
from tracker.presets.base import TRACKERS, check_device
from tracker.search_area import SearchSettings
from tracker.settings import check_known, make


@TRACKERS.register("gray")
def gray(**settings: Any) -> CorrelationFilterTracker:
    """Grey levels only, the fastest and weakest features; the size stays that of frame 1."""
    return correlation_filter_tracker(**{"backbone": "gray", "num_scales": 1, **settings})


@TRACKERS.register("hog")
def hog(**settings: Any) -> CorrelationFilterTracker:
    """Histograms of oriented gradients and colour, without weights."""
    return correlation_filter_tracker(**{"backbone": "hog+color", **settings})


@TRACKERS.register("squeezenet")
def squeezenet(**settings: Any) -> CorrelationFilterTracker:
    """fHOG, colour and two levels of an ImageNet SqueezeNet; slower."""
    return correlation_filter_tracker(**{"backbone": "hog+color+squeezenet", "max_channels": 34, **settings})


def correlation_filter_tracker(
    *,
    backbone: str,
    filter: str = "spatial",
    device: str | torch.device = "cpu",
    weights: str | None = None,
    runtime: str = "auto",
    **settings: Any,
) -> CorrelationFilterTracker:
    """Build a ``CorrelationFilterTracker`` from names and settings; see ``load_tracker``."""
    return assemble(build_backbone(backbone, weights), filter, device, settings, runtime=runtime)


def assemble(
    backbone: Backbone,
    filter: str,
    device: str | torch.device,
    settings: Mapping[str, Any],
    *,
    reduction: Tensor | None = None,
    box_head: AnyBoxHead | None = None,
    runtime: str = "auto",
) -> CorrelationFilterTracker:
    """Build a ``CorrelationFilterTracker`` from a backbone, the name of a filter, and settings.

    Args:
        backbone: maps crops to features.
        filter: registered name.
        device: device of features and filter.
        settings: ``max_channels``, and any field of the filter, ``SearchSettings``, ``MotionSettings``,
            ``CorrelationScaleSettings`` and ``CorrelationLearningSettings``; with a box head also of ``BoxSettings``.
        reduction: see ``FeatureExtractor``.
        box_head: follows the box, instead of the scale search; or None.
        runtime: what runs the backbone and the box head: ``"onnx"``, ``"torch"``, or ``"auto"``, ONNX Runtime on a
            CPU where it is installed. Features differ by rounding.

    Raises:
        ValueError: an unknown filter, setting, device or runtime, or a value outside its range.
        ModuleNotFoundError: ONNX Runtime was asked for and is not installed.
    """
    filter_class = FILTERS[filter]
    parts: tuple[type, ...] = (
        filter_class,
        SearchSettings,
        MotionSettings,
        CorrelationScaleSettings,
        CorrelationLearningSettings,
        *([] if box_head is None else [BoxSettings]),
    )
    check_known(settings, parts, others=("backbone", "filter", "max_channels", "runtime"))
    device, search = check_device(device), make(SearchSettings, settings)
    if chosen_runtime(runtime, device, backbone) == "onnx":
        learned = box_head if isinstance(box_head, BoxHead) else None
        backbone, engine = on_onnx(backbone, learned, search.crop_size)
        box_head = engine or box_head
    return CorrelationFilterTracker(
        FeatureExtractor(backbone, settings.get("max_channels"), reduction),
        make(filter_class, settings),
        search=search,
        motion=make(MotionSettings, settings),
        scale=make(CorrelationScaleSettings, settings),
        learning=make(CorrelationLearningSettings, settings),
        box=None if box_head is None else BoxFollower(box_head, make(BoxSettings, settings)),
        device=device,
    )
