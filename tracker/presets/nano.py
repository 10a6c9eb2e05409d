"""NanoTrack's published networks around our filter."""

from pathlib import Path
from typing import Any

import torch

from tracker.backbones import build_backbone
from tracker.correlation import CorrelationFilterTracker
from tracker.network.nanotrack_head import NanoTrackHead
from tracker.network.regression_net import RegressionNet
from tracker.presets.base import TRACKERS
from tracker.presets.correlation import assemble
from tracker.presets.trained import COMPONENTS, WITH_BOX_HEAD

FILES = "nanotrack_backbone_sim.onnx", "nanotrack_head_sim.onnx"
"""NanoTrack v2's backbone and box head, as OpenCV publishes them."""


@TRACKERS.register("nano")
def nano(
    *,
    weights: str | RegressionNet | None = None,
    filter: str = "spatial",
    device: str | torch.device = "cpu",
    runtime: str = "auto",
    **settings: Any,
) -> CorrelationFilterTracker:
    """NanoTrack's backbone and box head around our filter: what a teacher knows that `fast` has learned from.

    ``weights`` is the folder of its two files; they are not shipped.
    """
    if not isinstance(weights, str):
        raise ValueError(f"tracker 'nano' needs as weights a folder with {' and '.join(FILES)}")
    backbone, head = (Path(weights, name) for name in FILES)
    chosen = {
        "crop_size": 256,
        "search_area_scale": 4.0,
        "max_channels": COMPONENTS,
        **WITH_BOX_HEAD,
        **settings,
    }
    learned = build_backbone("mobile", str(backbone))
    return assemble(learned, filter, device, chosen, box_head=NanoTrackHead(head), runtime=runtime)
