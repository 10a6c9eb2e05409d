"""Trained networks as trackers."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import torch

from tracker.backbones.mobile import Mobile
from tracker.correlation import CorrelationFilterTracker
from tracker.network.box_head import CELLS, BoxHead
from tracker.network.checkpoint import load_regression_net
from tracker.network.filter_layers import FILTER_LAYERS
from tracker.network.folding import fold_norms
from tracker.network.regression_net import RegressionNet, TrainingCrops
from tracker.presets.base import TRACKERS, check_device
from tracker.presets.correlation import assemble, correlation_filter_tracker

SHIPPED = Path(__file__).resolve().parents[1] / "weights"
"""Folder of the checkpoints in this repository, one for each tracker of this file."""

COMPONENTS = 16
"""Principal components of each level of a mobile network without a learned reduction; they measured better than a
reduction learned on few clips (docs/model-zoo.md)."""


@TRACKERS.register("fast")
def fast(
    *, weights: str | RegressionNet | None = None, box_head: bool = True, **settings: Any
) -> CorrelationFilterTracker:
    """The default: features of a mobile network distilled from a tracking network, and a box head.

    The filter finds the position; the box head measures width and height there. With ``box_head=False``, or for a
    network without a box head, the size is searched with scaled crops. A network given as ``weights`` is copied,
    so that its training may continue.
    """
    return trained(weights or str(SHIPPED / "fast.safetensors"), box_head=box_head, **settings)


@TRACKERS.register("compact")
def compact(*, weights: str | RegressionNet | None = None, **settings: Any) -> CorrelationFilterTracker:
    """A small network beside fHOG and colour, trained through the filter in two minutes; the default until 0.1."""
    return trained(weights or str(SHIPPED / "compact.safetensors"), **settings)


@TRACKERS.register("accurate")
def accurate(**settings: Any) -> CorrelationFilterTracker:
    """The features of ``fast`` beside fHOG and colour, on a finer map; slower, and exact for rigid targets."""
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
    """Build the tracker of a trained network.

    Args:
        weights: checkpoint of the ``train`` command, or a network, which is copied.
        filter: registered name.
        box_head: use the network's box head, if it has one.
        device: device of network and filter.
        runtime: see ``assemble``.
        settings: see ``assemble``. With a network that has a box head, the default crops are ``searched_crops``;
            with the filter that λ was learned with, the default λ is the learned one.

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
        settings = {**searched_crops(net.crops, net.box_head)._asdict(), **settings}
    if filter in FILTER_LAYERS and FILTER_LAYERS[filter] is type(net.filter_layer):
        # Features have the same units in training: so has λ. A run that diverges may take it out of float32's range.
        learned = net.filter_layer.log_regularisation.clamp(-80, 80).exp()
        settings = {"regularisation": float(learned), **settings}
    if head is not None:
        settings = {**WITH_BOX_HEAD, **settings}
    reduction = None if net.reduction is None else net.reduction.weight[:, :, 0, 0]
    if reduction is None and isinstance(net.backbone, Mobile):
        settings = {"max_channels": COMPONENTS, **settings}
    return assemble(
        net.features, filter, device, settings, reduction=reduction, box_head=head, runtime=runtime
    )


SEARCHED = 7 / 8
"""Share of the side of the training's crops that is searched."""


def searched_crops(crops: TrainingCrops, head: BoxHead) -> TrainingCrops:
    """Return crops in which the target is as large as in training's, with less around it, in whole pairs of cells."""
    pair = 2 * head.stride
    side = max(round(SEARCHED * crops.crop_size / pair) * pair, CELLS * head.stride)
    return TrainingCrops(side, crops.search_area_scale * side / crops.crop_size)


WITH_BOX_HEAD = {"reuse_within": 1000.0, "update_interval": 2, "interp_factor": 0.1, "predict_from": 0.2}
"""Settings with a box head: the filter learns from every second frame, from its search crop wherever the target is in
it, and a target that moves fast is searched where it is expected."""
