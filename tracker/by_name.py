"""Trackers by name, out of the file of a trained network, or out of a network itself."""

from typing import Any

import torch

from tracker.base import Tracker
from tracker.exported import SUFFIX as EXPORTED
from tracker.exported import load_exported
from tracker.network.checkpoint import SUFFIX
from tracker.network.regression_net import RegressionNet
from tracker.presets.base import TRACKERS


def load_tracker(
    name: str | RegressionNet,
    *,
    device: str | torch.device = "cpu",
    weights: str | None = None,
    **settings: Any,
) -> Tracker:
    """Build a tracker by its registered name, from a checkpoint that was trained here, or from a network.

    Args:
        name: one of ``list_trackers()``; the path of a tracker that ``export`` wrote (``….onnx``); or the path of a
            checkpoint (``….safetensors``) or a ``RegressionNet``, either of which stands for ``fast`` with these
            weights. A network is copied.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"`` …
        weights: file with the weights of the backbone, where it has any; None for the published ones.
        settings: what is to differ: ``backbone`` and ``filter``; ``runtime``, what runs learned features and the box
            head, ``"onnx"``, ``"torch"`` or ``"auto"`` (ONNX Runtime on a CPU where it is installed); for the DSLT
            family ``solver`` (registered names) and ``criterion`` (a loss module); and any field of the dataclasses
            that hold the settings of the parts: of the trackers of correlation filters ``SearchSettings``,
            ``CorrelationScaleSettings``, ``CorrelationLearningSettings`` and the filter; of the DSLT family
            ``SearchSettings``, ``LevelSettings``, ``DSLTResponseSettings``, ``DSLTScaleSettings``,
            ``DSLTLearningSettings`` and the solver.

    Raises:
        ValueError: an unknown name or setting (the nearest one is named), or a value outside its range.
        FileNotFoundError: the weights file does not exist.
    """
    if isinstance(name, RegressionNet) or name.endswith((SUFFIX, EXPORTED)):
        if weights is not None:
            source = "network" if isinstance(name, RegressionNet) else f"checkpoint {name}"
            raise ValueError(f"the {source} holds its weights itself, got weights={weights!r} as well")
        if isinstance(name, str) and name.endswith(EXPORTED):
            return load_exported(name, device=device, **settings)
        return TRACKERS["fast"](device=device, weights=name, **settings)
    return TRACKERS[name](device=device, weights=weights, **settings)


def list_trackers() -> list[str]:
    """Names that ``load_tracker`` knows, sorted."""
    return list(TRACKERS)
