"""Trained networks as trackers."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import torch

from tracker.backbones.mobile import Mobile
from tracker.correlation import CorrelationFilterTracker
from tracker.network.checkpoint import load_regression_net
from tracker.network.folding import fold_norms
from tracker.network.regression_net import RegressionNet
from tracker.presets.base import TRACKERS, check_device
from tracker.presets.correlation import assemble, correlation_filter_tracker

SHIPPED = Path(__file__).resolve().parents[1] / "weights"
"""The checkpoints that come with the project, one for each tracker of this file."""

COMPONENTS = 16
"""Principal components, in frame 1, of each level of a mobile network without a learned reduction; they measured better
than one learned on few clips (docs/model-zoo.md)."""


@TRACKERS.register("fast")
def fast(
    *, weights: str | RegressionNet | None = None, box_head: bool = True, **settings: Any
) -> CorrelationFilterTracker:
    """Features of a mobile network that a tracking network taught, and a box head: the default.

    The filter finds the place; the head, asked there, gives width and height. ``box_head=False`` searches the size
    among scaled crops instead, as in a network without a head. A network that is given as ``weights`` is copied, so
    that it may be trained on.
    """
    return trained(weights or str(SHIPPED / "fast.safetensors"), box_head=box_head, **settings)


@TRACKERS.register("compact")
def compact(*, weights: str | RegressionNet | None = None, **settings: Any) -> CorrelationFilterTracker:
    """A small network beside fHOG and colour, trained through the filter in two minutes: the default until 0.1."""
    return trained(weights or str(SHIPPED / "compact.safetensors"), **settings)


@TRACKERS.register("accurate")
def accurate(**settings: Any) -> CorrelationFilterTracker:
    """The features of ``fast`` beside fHOG and colour, on a fine map: slower, and exact where nothing deforms."""
    chosen = {"backbone": "hog+color+mobile4", "max_channels": COMPONENTS, **settings}
    weights = chosen.pop("weights", None) or str(SHIPPED / "fast.safetensors")
    return correlation_filter_tracker(**chosen, weights=weights)


def trained(
    weights: str | RegressionNet,
    *,
    filter: str = "spatial",
    box_head: bool = True,
    device: str | torch.device = "cpu",
    runtime: str = "auto",
    **settings: Any,
) -> CorrelationFilterTracker:
    """Build the tracker of a trained network, whatever parts that has.

    Args:
        weights: checkpoint of the ``train`` command, or a network, which is copied.
        filter: registered name.
        box_head: use the network's box head, where it has one.
        device: where the network and the filter are to live.
        runtime: see ``assemble``.
        settings: see ``assemble``; by default crops are those of the training of a network with a box head.

    Raises:
        ValueError, FileNotFoundError: a file that is no checkpoint or does not exist, or a setting that does not fit.
    """
    if "backbone" in settings:
        raise ValueError(
            f"a trained network has features of its own, got backbone={settings['backbone']!r} as well: choose "
            "features with tracker 'hog', or give another checkpoint as weights"
        )
    device = check_device(device)
    if isinstance(weights, RegressionNet):
        net = deepcopy(weights).eval().requires_grad_(False)
    else:
        net = load_regression_net(weights)
    fold_norms(net)
    net = net.to(device)
    head = net.box_head if box_head else None
    if net.box_head is not None and net.crops is not None:
        settings = {**net.crops._asdict(), **settings}
    if head is not None:
        settings = {"reuse_within": REUSE, **settings}
    reduction = None if net.reduction is None else net.reduction.weight[:, :, 0, 0]
    if reduction is None and isinstance(net.backbone, Mobile):
        settings = {"max_channels": COMPONENTS, **settings}
    return assemble(
        net.features, filter, device, settings, reduction=reduction, box_head=head, runtime=runtime
    )


REUSE = 1000.0
"""Cells: with a box head every frame is learned from the crop it was searched in, so that one crop serves all."""
