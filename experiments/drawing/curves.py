"""Success and precision plots: one curve for each tracker, the legend ranked by score."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from data.boxes import Floats
from data.files import replacing
from experiments.drawing.palette import Colour, as_hex, colours, repeats
from experiments.scoring.metrics import (
    NORMALISED_THRESHOLDS,
    PRECISION_THRESHOLDS,
    RATE_THRESHOLDS,
    SUCCESS_THRESHOLDS,
    Score,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("png", "pdf", "svg")
SHOWN = 10
"""Number of curves in a plot, the best ones, as in OTB's toolkit."""

_DASHES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class CurvePlot:
    """A kind of plot.

    Attributes:
        curve: attribute of a `Score` that holds its values, and name of its file.
        title: first words of the title; ``of`` and the subject follow.
        xlabel: label of the thresholds.
        ylabel: label of the curve.
        thresholds: thresholds at which the curve was measured.
        metric: attribute of a `Score` that ranks the trackers.
        corner: corner that the curves leave free, for the legend of a small panel.
    """

    curve: str
    title: str
    xlabel: str
    ylabel: str
    thresholds: Floats
    metric: str
    corner: Literal["lower left", "lower right"]


SUCCESS = CurvePlot(
    "success",
    "Success plots",
    "Overlap threshold",
    "Success rate",
    SUCCESS_THRESHOLDS,
    "success_auc",
    "lower left",
)
PRECISION = CurvePlot(
    "precision",
    "Precision plots",
    "Location error threshold (pixels)",
    "Precision",
    PRECISION_THRESHOLDS,
    "precision_20",
    "lower right",
)
NORMALISED_PRECISION = CurvePlot(
    "normalised_precision",
    "Normalised precision plots",
    "Location error threshold (target sizes)",
    "Precision",
    NORMALISED_THRESHOLDS,
    "normalised_precision_20",
    "lower right",
)
RATE = CurvePlot(
    "rate", "Success rate", "Overlap threshold", "Success rate", RATE_THRESHOLDS, "ao", "lower left"
)


def success_precision_plot(
    scores: Mapping[str, Score], folder: str | Path, subject: str = "OPE"
) -> tuple[Path, Path]:
    """Write ``success.png`` and ``precision.png`` into ``folder``.

    Args:
        scores: tracker -> its curves, averaged over the sequences.
        folder: must exist.
        subject: what was measured, for the titles: ``Success plots of …``.

    Returns:
        The paths of the two files.

    Raises:
        ValueError: there is no tracker.
        FileNotFoundError: the folder does not exist.
    """
    paths = Path(folder) / "success.png", Path(folder) / "precision.png"
    for path, plot in zip(paths, (SUCCESS, PRECISION), strict=True):
        save(curves_figure(plot, scores, subject), path)
    return paths


def curves_figure(plot: CurvePlot, scores: Mapping[str, Score], subject: str = "OPE") -> "Figure":
    """Draw the best trackers' curves in a figure, without pyplot, which would keep it alive.

    Raises:
        ValueError: there is no tracker.
    """
    from matplotlib.figure import Figure

    if not scores:
        raise ValueError("scores must hold at least one tracker, got none")
    figure = Figure(figsize=(7.2, 4.5), layout="constrained")
    axes = figure.add_subplot()
    _curves(axes, plot, scores, colours(scores))
    axes.set(title=f"{plot.title} of {subject}", xlabel=plot.xlabel, ylabel=plot.ylabel)
    figure.legend(loc="outside right upper")  # there it covers no curve, however many there are
    return figure


def attributes_figure(plot: CurvePlot, scores: Mapping[str, Mapping[str, Score]], subject: str) -> "Figure":
    """Draw a panel for each attribute, each with its own ranking.

    Args:
        plot: the kind of plot.
        scores: title of the panel -> tracker -> mean over the sequences with that attribute.
        subject: what was measured, for the title.

    Raises:
        ValueError: there is no attribute.
    """
    from matplotlib.figure import Figure

    if not scores:
        raise ValueError("scores must hold at least one attribute, got none")
    columns = min(len(scores), 4)
    rows = math.ceil(len(scores) / columns)
    figure = Figure(figsize=(4.0 * columns, 3.4 * rows + 0.4), layout="constrained")
    figure.suptitle(f"{plot.title} of {subject}")
    chosen = colours(dict.fromkeys(name for panel in scores.values() for name in panel))
    for place, (title, panel) in enumerate(scores.items(), 1):
        axes = figure.add_subplot(rows, columns, place)
        _curves(axes, plot, panel, chosen)
        axes.set_title(_literal(title), fontsize="medium")
        axes.legend(loc=plot.corner, fontsize="x-small", handlelength=2.6)
    figure.supxlabel(plot.xlabel)
    figure.supylabel(plot.ylabel)
    return figure


def save(figure: "Figure", path: Path) -> None:
    """Write a figure to ``path`` in the format of its suffix, complete or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _curves(axes: "Axes", plot: CurvePlot, scores: Mapping[str, Score], chosen: dict[str, Colour]) -> None:
    # Where a colour comes again, the dashes change.
    dashes = {name: _DASHES[turn % len(_DASHES)] for name, turn in repeats(chosen).items()}
    values = {name: getattr(score, plot.metric) for name, score in scores.items()}
    ranked = sorted(scores, key=values.__getitem__, reverse=True)
    for name in ranked[:SHOWN]:
        style: dict[str, Any] = {
            "color": as_hex(chosen[name]),
            "linewidth": 2.2,
            "label": _label(name, values[name]),
        }
        axes.plot(plot.thresholds, getattr(scores[name], plot.curve), dashes[name], **style)
    axes.set(xlim=(plot.thresholds[0], plot.thresholds[-1]), ylim=(0, 1.02))
    axes.grid(color="0.88", linewidth=0.8)
    axes.set_axisbelow(True)


def _label(name: str, value: float) -> str:
    text = _literal(name)
    return f"{' ' if text.startswith('_') else ''}{text} [{value:.3f}]"  # a leading _ would hide the curve


def _literal(text: str) -> str:
    """A text as it is: a pair of dollar signs would start a formula."""
    return text.replace("$", r"\$")
