"""The trackers that can be loaded by name: a backbone, a filter and the few settings that differ."""

import inspect
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import torch
from torch import nn

from data.registry import Registry
from tracker.backbones import Backbone, build_backbone
from tracker.backbones.compact import SHIPPED
from tracker.base import Tracker
from tracker.box_refiner import BoxRefiner
from tracker.correlation import CorrelationFilterTracker
from tracker.dslt import DSLTTracker
from tracker.filters import FILTERS
from tracker.identity import IdentityTracker
from tracker.levels import TwoLevelFeatures
from tracker.network.checkpoint import SUFFIX, load_regression_net, read_metadata
from tracker.solvers import SOLVERS, LabelWeightedSquares

TRACKERS: Registry = Registry("tracker")
"""Name -> builder, called with ``device``, ``weights`` and settings."""

_PARTS = {"backbone", "model", "reduction", "refiner", "device"}
"""Arguments of ``CorrelationFilterTracker`` that are no plain settings."""


def load_tracker(
    name: str, *, device: str | torch.device = "cpu", weights: str | None = None, **settings: Any
) -> Tracker:
    """Build a tracker by its registered name, or from a checkpoint that was trained here.

    Args:
        name: one of ``list_trackers()``, or the path of a checkpoint (``….safetensors``), which stands for
            ``fast`` with these weights.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"`` …
        weights: file with the weights of the backbone, where it has any; None for the published ones.
        settings: what is to differ: ``backbone`` and ``filter``, for the DSLT family ``solver`` (registered
            names) and ``criterion`` (a loss module), and any argument of the classes these build:
            ``CorrelationFilterTracker`` and its filter, ``DSLTTracker``, ``TwoLevelFeatures`` and its solver.

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
    device = _check_device(device)
    file = SHIPPED if weights is None else weights
    net = load_regression_net(file).to(device)
    refiner = None
    if drift is not None:
        crops = read_metadata(file)["config"]["data"]  # the head knows targets of that size in pixels
        refiner = BoxRefiner(
            net, drift, crop_size=crops["crop_size"], search_area_scale=crops["search_area_scale"]
        )
    reduction = None if net.reduction is None else net.reduction.weight[:, :, 0, 0]
    return _assemble(net.features, filter, device, settings, refiner=refiner, reduction=reduction)


@TRACKERS.register("hog")
def hog(**settings: Any) -> CorrelationFilterTracker:
    """Histograms of oriented gradients and colour, without any weights."""
    return correlation_filter_tracker(**{"backbone": "hog+color", **settings})


@TRACKERS.register("squeezenet")
def squeezenet(**settings: Any) -> CorrelationFilterTracker:
    """fHOG, colour and two levels of an ImageNet SqueezeNet: slower, with a sense of objects."""
    return correlation_filter_tracker(**{"backbone": "hog+color+squeezenet", "max_channels": 34, **settings})


@TRACKERS.register("dslt")
def dslt(**settings: Any) -> DSLTTracker:
    """The method of DSLT with the choices that measured best; see docs/dslt.md."""
    return dslt_tracker(**settings)


@TRACKERS.register("dslt-paper")
def dslt_paper(*, criterion: nn.Module | None = None, **settings: Any) -> DSLTTracker:
    """DSLT as the ECCV 2018 paper has it, with Shrinkage loss."""
    if criterion is None:
        raise ValueError(_ASK_FOR_LOSS.format(name="dslt-paper", arguments=""))
    return dslt_tracker(**{**PAPER, **settings, "criterion": criterion})


@TRACKERS.register("dslt-code")
def dslt_code(*, criterion: nn.Module | None = None, **settings: Any) -> DSLTTracker:
    """DSLT as its released code has it, its one-sided gradient among it."""
    if criterion is None:
        raise ValueError(_ASK_FOR_LOSS.format(name="dslt-code", arguments=", importance='dslt_code'"))
    return dslt_tracker(**{**PAPER, **CODE, **settings, "criterion": criterion})


_ASK_FOR_LOSS = (
    "{name} stands for a loss, which this package does not hold: load_tracker({name!r}, "
    "criterion=build_loss('shrinkage'{arguments})), with build_loss of the package losses"
)


PAPER = {
    "solver": "adam",
    "learning_rate": 0.03,
    "stop_share": 0.25,
    "frozen_correction": True,
    "reduction": "random",
    "channels": 128,
    "fusion": (1.0, 1.0),
    "regularisation": 2.55e-4,
    "memory_size": 7,
    "first_weight": 1 / 7,
    "update_interval": 1,
    "update_gate": 0.0,
}
"""What the paper says and ``dslt`` does otherwise."""

CODE = {
    "reduction_kernel": 3,
    "fusion": (0.8, 0.2),
    "padding": "valid",
    "stretch": True,
    "output_sigma_factor": 0.08,
    "update_rate": 0.5,
    "code_slope": True,
    "stop_loss": 0.03,
    "stop_share": 0.0,
    "augment": True,
    "tried_scale_step": 1.006,
}
"""What the released code does otherwise than the paper."""


def dslt_tracker(
    *,
    criterion: nn.Module | None = None,
    backbone: str = "squeezenet",
    solver: str = "irls",
    device: str | torch.device = "cpu",
    weights: str | None = None,
    **settings: Any,
) -> DSLTTracker:
    """Put a ``DSLTTracker`` together from names and settings; see ``load_tracker``."""
    solver_class = SOLVERS[solver]
    of_solver = _arguments(solver_class)
    of_features = _arguments(TwoLevelFeatures) - {"backbone"}
    of_tracker = _arguments(DSLTTracker) - {"features", "solver", "criterion", "device"}
    for setting in settings:
        _check_known(setting, of_solver | of_features | of_tracker | {"backbone", "solver", "criterion"})
    features = TwoLevelFeatures(build_backbone(backbone, weights), **_chosen(settings, of_features))
    return DSLTTracker(
        features,
        solver_class(**_chosen(settings, of_solver)),
        LabelWeightedSquares() if criterion is None else criterion,
        device=_check_device(device),
        **_chosen(settings, of_tracker),
    )


def _chosen(settings: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name in names}


def correlation_filter_tracker(
    *,
    backbone: str,
    filter: str = "spatial",
    device: str | torch.device = "cpu",
    weights: str | None = None,
    **settings: Any,
) -> CorrelationFilterTracker:
    """Put a ``CorrelationFilterTracker`` together from names and settings; see ``load_tracker``."""
    return _assemble(build_backbone(backbone, weights), filter, device, settings)


def _assemble(
    backbone: Backbone, filter: str, device: str | torch.device, settings: dict[str, Any], **parts: Any
) -> CorrelationFilterTracker:
    filter_class = FILTERS[filter]
    of_filter = _arguments(filter_class)
    of_tracker = _arguments(CorrelationFilterTracker) - _PARTS
    for setting in settings:
        _check_known(setting, of_filter | of_tracker)
    model = filter_class(**_chosen(settings, of_filter))
    return CorrelationFilterTracker(
        backbone, model, device=_check_device(device), **parts, **_chosen(settings, of_tracker)
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
