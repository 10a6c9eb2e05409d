"""DSLT: with the choices that measured best, as in its paper, and as in its released code."""

from typing import Any

import torch
from torch import nn

from tracker.backbones import build_backbone
from tracker.dslt import DSLTLearningSettings, DSLTResponseSettings, DSLTScaleSettings, DSLTTracker
from tracker.levels import LevelSettings, TwoLevelFeatures
from tracker.presets.base import TRACKERS, check_device
from tracker.search_area import SearchSettings
from tracker.settings import check_known, make
from tracker.solvers import SOLVERS, LabelWeightedSquares


@TRACKERS.register("dslt")
def dslt(**settings: Any) -> DSLTTracker:
    """The method of DSLT with the choices that measured best; see docs/dslt.md."""
    return dslt_tracker(**settings)


@TRACKERS.register("dslt-paper")
def dslt_paper(*, criterion: nn.Module | None = None, **settings: Any) -> DSLTTracker:
    """DSLT as in the ECCV 2018 paper, with Shrinkage loss."""
    if criterion is None:
        raise ValueError(_ASK_FOR_LOSS.format(name="dslt-paper", arguments=""))
    return dslt_tracker(**{**PAPER, **settings, "criterion": criterion})


@TRACKERS.register("dslt-code")
def dslt_code(*, criterion: nn.Module | None = None, **settings: Any) -> DSLTTracker:
    """DSLT as in its released code, including the one-sided gradient."""
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
"""Settings of the paper that differ from those of ``dslt``."""

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
"""Settings of the released code that differ from the paper's."""


def dslt_tracker(
    *,
    criterion: nn.Module | None = None,
    backbone: str = "squeezenet",
    solver: str = "irls",
    device: str | torch.device = "cpu",
    weights: str | None = None,
    **settings: Any,
) -> DSLTTracker:
    """Build a ``DSLTTracker`` from names and settings; see ``load_tracker``."""
    solver_class = SOLVERS[solver]
    parts = (
        solver_class,
        LevelSettings,
        SearchSettings,
        DSLTResponseSettings,
        DSLTScaleSettings,
        DSLTLearningSettings,
    )
    check_known(settings, parts, others=("backbone", "criterion", "solver"))
    return DSLTTracker(
        TwoLevelFeatures(build_backbone(backbone, weights), make(LevelSettings, settings)),
        make(solver_class, settings),
        LabelWeightedSquares() if criterion is None else criterion,
        search=make(SearchSettings, settings),
        response=make(DSLTResponseSettings, settings),
        scale=make(DSLTScaleSettings, settings),
        learning=make(DSLTLearningSettings, settings),
        device=check_device(device),
    )
