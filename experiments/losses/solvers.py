"""The speed at which the on-line solvers fit the target in frame 1, for several losses: a table and a figure."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from data.boxes import Image
from experiments.drawing.figures import COLOURS, Plot, label, panels
from experiments.drawing.markdown import markdown_table
from experiments.runtime.progress import progress_bar
from experiments.runtime.provenance import processor
from experiments.trackers.fitting import fitted_filters
from losses import build_loss
from tracker import DSLTTracker, load_tracker
from tracker.solvers import LabelWeightedSquares, Solver
from tracker.solvers.adam import AdamSolver
from tracker.solvers.irls import ReweightedLeastSquares
from tracker.solvers.ridge import RidgeSolver

CLOSE = 0.1
"""Largest error of the cells with a label above one half at which a fit counts as close."""

STEPS = {"adam": 300, "irls": 60, "ridge": 1}
SOLVERS: dict[str, Callable[[], Solver]] = {
    "adam": AdamSolver,
    "irls": ReweightedLeastSquares,
    "ridge": RidgeSolver,
}
LOSSES: dict[str, Callable[[], nn.Module]] = {
    "L2": lambda: build_loss("l2", reduction="sum"),
    "exp(Y) · L2": LabelWeightedSquares,
    "L3": lambda: build_loss("l3", reduction="sum"),
    "Shrinkage": lambda: build_loss("shrinkage", importance="none", reduction="sum"),
    "exp(Y) · Shrinkage": lambda: build_loss("shrinkage", reduction="sum"),
}
_COLOURS = dict(zip(LOSSES, ("l2", "focal-regression", "l3", "quality-focal", "shrinkage"), strict=True))


@dataclass
class Course:
    """The largest error on the target after each step of a solver, and the seconds spent until then."""

    errors: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def close(self) -> tuple[int, float] | None:
        """Return the steps and seconds until the error is first at most ``CLOSE``; None if it never is."""
        within = np.flatnonzero(np.array(self.errors) <= CLOSE)
        return (int(within[0]) + 1, self.seconds[within[0]]) if within.size else None


def measure(image: Image, bbox: tuple[float, ...], backbone: str, weights: Path | None) -> tuple[str, Plot]:
    """Run every solver with every loss on one frame; return a markdown table and a figure."""
    tracker = load_tracker("dslt", backbone=backbone, weights=None if weights is None else str(weights))
    assert isinstance(tracker, DSLTTracker)
    tracker.init(image, bbox)
    regression, kernel_hw = tracker.regression, tracker.kernel_hw
    target = regression.labels > 0.5
    courses: dict[tuple[str, str], Course] = {}
    with torch.no_grad():
        for name, make in progress_bar(LOSSES.items(), total=len(LOSSES), unit="loss"):
            own = replace(regression, criterion=make())
            for solver, steps in STEPS.items():
                if solver == "ridge" and "2" not in name:
                    continue  # its one solve is the minimiser of quadratic losses only
                course = courses[name, solver] = Course()
                marks = range(1, steps + 1)
                for _, seconds, kernel in fitted_filters(SOLVERS[solver](), own, kernel_hw, marks):
                    errors = (own.respond(kernel) - own.labels).abs()
                    course.errors.append(float(errors[target].max()))
                    course.seconds.append(seconds)
    channels = regression.features.shape[1]
    setting = f"{channels} channels of {backbone}, a filter of {kernel_hw[0]}x{kernel_hw[1]} cells"
    return _table(courses, setting), _figure(courses, setting)


def _table(courses: dict[tuple[str, str], Course], setting: str) -> str:
    lines = [
        f"Steps and milliseconds until every cell of the label above one half is fitted to {CLOSE}; {setting}. "
        f"A step: one gradient (`adam`), one conjugate-gradient step (`irls`), one solve (`ridge`); at most "
        f"{STEPS['adam']} and {STEPS['irls']}.",
        "",
        f"Machine: {processor()}, {torch.get_num_threads()} thread(s) of torch {torch.__version__}; "
        f"{time.strftime('%Y-%m-%d')}.",
        "",
    ]
    rows = [[name, *(_cell(courses.get((name, solver))) for solver in STEPS)] for name in LOSSES]
    return "\n".join([*lines, markdown_table(["loss", *STEPS], rows)])


def _cell(course: Course | None) -> str:
    if course is None:
        return ""
    close = course.close()
    if close is None:
        return f"not ({course.errors[-1]:.2f} after {1000 * course.seconds[-1]:.0f} ms)"
    return f"{close[0]} ({1000 * close[1]:.0f} ms)"


def _figure(courses: dict[tuple[str, str], Course], setting: str) -> Plot:
    figure, (by_step, by_time) = panels(1, 2, 8.4, 3.8)
    for (name, solver), course in courses.items():
        if solver == "ridge":
            by_time.plot(1000 * course.seconds[0], course.errors[0], "x", color=COLOURS[_COLOURS[name]])
            continue
        style: dict[str, Any] = {
            "color": COLOURS[_COLOURS[name]],
            "linestyle": "--" if solver == "adam" else "-",
        }
        by_step.plot(np.arange(len(course.errors)) + 1, course.errors, **style, label=f"{name}, {solver}")
        by_time.plot(1000 * np.array(course.seconds), course.errors, **style)
    for axes in (by_step, by_time):
        axes.axhline(CLOSE, color="#777777", linewidth=0.8, linestyle=":")
        axes.set(xscale="log", yscale="log", ylim=(0.005, 1.1))
    label(by_step, "steps", "largest error on the target", "against steps")
    label(by_time, "milliseconds", "largest error on the target", "against time")
    by_step.legend(loc="lower left", fontsize=6)
    caption = (
        f"Frame 1 fitted from zero by Adam (dashed), reweighted conjugate gradient (solid) and the closed form "
        f"(crosses); {setting}. Dotted: {CLOSE}."
    )
    return Plot("solvers", "How fast the on-line solvers fit the target", caption, figure)
