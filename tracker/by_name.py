"""Trackers by name, from the checkpoint of a trained network, or from a network."""

from pathlib import Path
from typing import Any

import torch

from tracker.base import Tracker
from tracker.checks import whole
from tracker.correlation import CorrelationFilterTracker
from tracker.dslt import DSLTTracker
from tracker.exported import SUFFIX as EXPORTED
from tracker.exported import load_exported
from tracker.network.checkpoint import SUFFIX
from tracker.network.regression_net import RegressionNet
from tracker.presets.base import TRACKERS
from tracker.threads import torch_threads


def load_tracker(
    name: str | Path | RegressionNet,
    *,
    device: str | torch.device = "cpu",
    weights: str | None = None,
    threads: int = 1,
    **settings: Any,
) -> Tracker:
    """Build a tracker from its registered name, a checkpoint of the ``train`` command, or a network.

    Args:
        name: one of ``list_trackers()``; the path of a tracker that ``export`` wrote (``….onnx``); or the path of a
            checkpoint (``….safetensors``) or a ``RegressionNet``, which give ``fast`` with these weights. A network is
            copied.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"`` …
        weights: file with the weights of the backbone; None for the tracker's own.
        threads: CPU threads of torch that the tracker computes with, whatever is set around it: the boxes depend on
            it. One is right for small maps; more serve a large backbone on an idle machine.
        settings: settings that differ from the tracker's. For correlation filters: ``backbone``, ``filter``
            (registered names), ``runtime`` (what runs learned features and the box head: ``"onnx"``, ``"torch"`` or
            ``"auto"``, ONNX Runtime on a CPU where it is installed), and the fields of ``SearchSettings``,
            ``MotionSettings``, ``CorrelationScaleSettings``, ``CorrelationLearningSettings`` and the filter. For the
            DSLT family: ``backbone``, ``solver`` (registered names), ``criterion`` (a loss module), and the fields of
            ``SearchSettings``, ``LevelSettings``, ``DSLTResponseSettings``, ``DSLTScaleSettings``,
            ``DSLTLearningSettings`` and the solver.

    Raises:
        ValueError: an unknown name or setting (the message suggests the nearest), or a value outside its range.
        FileNotFoundError: the weights file does not exist.
    """
    name = str(name) if isinstance(name, Path) else name
    has_weights = isinstance(name, RegressionNet) or name.endswith((SUFFIX, EXPORTED))
    if has_weights and weights is not None:
        source = "network" if isinstance(name, RegressionNet) else f"checkpoint {name}"
        raise ValueError(f"the {source} holds its weights itself, got weights={weights!r} as well")
    with torch_threads(whole("threads", threads, 1)):
        tracker = _build(name, device, weights, settings)
    if isinstance(tracker, CorrelationFilterTracker | DSLTTracker):
        tracker.threads = threads
    return tracker


def _build(
    name: str | RegressionNet, device: str | torch.device, weights: str | None, settings: dict[str, Any]
) -> Tracker:
    if isinstance(name, str) and name.endswith(EXPORTED):
        return load_exported(name, device=device, **settings)
    if isinstance(name, RegressionNet) or name.endswith(SUFFIX):
        return TRACKERS["fast"](device=device, weights=name, **settings)
    return TRACKERS[name](device=device, weights=weights, **settings)


def list_trackers() -> list[str]:
    """List the names that ``load_tracker`` knows, sorted."""
    return list(TRACKERS)
