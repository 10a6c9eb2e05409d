"""A trained regression network as a tracker."""

from copy import deepcopy
from typing import Any

import torch

from tracker.backbones.compact import SHIPPED
from tracker.correlation import CorrelationFilterTracker
from tracker.network.checkpoint import load_regression_net
from tracker.network.folding import fold_norms
from tracker.network.regression_net import RegressionNet
from tracker.presets.base import TRACKERS, check_device
from tracker.presets.correlation import assemble


@TRACKERS.register("fast")
def fast(
    *,
    weights: str | RegressionNet | None = None,
    filter: str = "spatial",
    box_head: bool = True,
    device: str | torch.device = "cpu",
    **settings: Any,
) -> CorrelationFilterTracker:
    """Learned features beside the hand-made ones, trained through the filter: the default; its weights come along.

    The box head of a network that has one follows place, width and height, on crops as in training;
    ``box_head=False`` searches the size among scaled crops instead, as without a head. A network that is given
    as ``weights`` is copied, so that it may be trained on.
    """
    if "backbone" in settings:
        raise ValueError(
            f"fast has the features of its checkpoint, got backbone={settings['backbone']!r} as well: choose "
            "features with tracker 'hog', or give another checkpoint as weights"
        )
    device = check_device(device)
    if isinstance(weights, RegressionNet):
        net = deepcopy(weights).eval().requires_grad_(False)
    else:
        net = load_regression_net(SHIPPED if weights is None else weights)
    fold_norms(net)
    net = net.to(device)
    reduction = None if net.reduction is None else net.reduction.weight[:, :, 0, 0]
    head = net.box_head if box_head else None
    if net.box_head is not None and net.crops is not None:
        settings = {**net.crops._asdict(), **settings}
    if head is not None:
        settings = {"reuse_within": REUSE, **settings}
    return assemble(net.features, filter, device, settings, reduction=reduction, box_head=head)


REUSE = 1000.0
"""Cells: with a box head every frame is learned from the crop it was searched in, so that one crop serves all."""
