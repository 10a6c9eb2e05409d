"""A trained regression network as a tracker."""

from typing import Any

import torch

from tracker.backbones.compact import SHIPPED
from tracker.box_refiner import BoxRefiner
from tracker.correlation import CorrelationFilterTracker
from tracker.network.checkpoint import load_regression_net, read_metadata
from tracker.presets.base import TRACKERS, check_device
from tracker.presets.correlation import assemble


@TRACKERS.register("fast")
def fast(
    *,
    weights: str | None = None,
    filter: str = "spatial",
    drift: float | None = None,
    device: str | torch.device = "cpu",
    **settings: Any,
) -> CorrelationFilterTracker:
    """Learned features beside the hand-made ones, trained through the filter: the default; its weights come along.

    Setting ``drift`` (see ``BoxRefiner``) lets the trained box head follow width and height as well.
    """
    if "backbone" in settings:
        raise ValueError(
            f"fast has the features of its checkpoint, got backbone={settings['backbone']!r} as well: choose "
            "features with tracker 'hog', or give another checkpoint as weights"
        )
    device = check_device(device)
    file = SHIPPED if weights is None else weights
    net = load_regression_net(file).to(device)
    refiner = None
    if drift is not None:
        crops = read_metadata(file)["config"]["data"]  # the head knows targets of that size in pixels
        refiner = BoxRefiner(
            net, drift, crop_size=crops["crop_size"], search_area_scale=crops["search_area_scale"]
        )
    reduction = None if net.reduction is None else net.reduction.weight[:, :, 0, 0]
    return assemble(net.features, filter, device, settings, refiner=refiner, reduction=reduction)
