"""Success and precision plots as the field draws them: one curve a tracker, the legend ranked by score."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from data.boxes import Floats
from data.files import replacing
from experiments.draw import PALETTE, as_hex, colours
from experiments.metrics import PRECISION_THRESHOLDS, SUCCESS_THRESHOLDS, Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DASHES = ("-", "--", ":", "-.")


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
    figures = success_figure(scores, subject), precision_figure(scores, subject)
    for path, figure in zip(paths, figures, strict=True):
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=150)
    return paths


def success_figure(scores: Mapping[str, Score], subject: str = "OPE") -> "Figure":
    """Share of frames above each overlap threshold, ranked by success AUC; raises as the above does."""
    figure, axes = _figure(scores)
    _curves(axes, SUCCESS_THRESHOLDS, scores, lambda one: one.success, lambda one: one.success_auc)
    axes.set(title=f"Success plots of {subject}", xlabel="Overlap threshold", ylabel="Success rate")
    return figure


def precision_figure(scores: Mapping[str, Score], subject: str = "OPE") -> "Figure":
    """Share of frames within each centre error, ranked by precision at 20 pixels; raises as the above does."""
    figure, axes = _figure(scores)
    _curves(axes, PRECISION_THRESHOLDS, scores, lambda one: one.precision, lambda one: one.precision_20)
    axes.set(
        title=f"Precision plots of {subject}",
        xlabel="Location error threshold (pixels)",
        ylabel="Precision",
    )
    return figure


def _figure(scores: Mapping[str, Score]) -> "tuple[Figure, Axes]":
    """An empty plot of its own: pyplot would keep every figure alive and share its state with the caller."""
    from matplotlib.figure import Figure

    if not scores:
        raise ValueError("scores must hold at least one tracker, got none")
    figure = Figure(figsize=(7.2, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(color="0.88", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _curves(
    axes: "Axes",
    thresholds: Floats,
    scores: Mapping[str, Score],
    curve: Callable[[Score], Floats],
    value: Callable[[Score], float],
) -> None:
    chosen = {name: as_hex(colour) for name, colour in colours(scores).items()}
    # Where the colours begin again, the dashes change.
    dashes = {name: _DASHES[i // len(PALETTE) % len(_DASHES)] for i, name in enumerate(scores)}
    for name in sorted(scores, key=lambda name: value(scores[name]), reverse=True):
        axes.plot(
            thresholds,
            curve(scores[name]),
            dashes[name],
            color=chosen[name],
            linewidth=2.2,
            label=f"{name} [{value(scores[name]):.3f}]",
        )
    axes.set(xlim=(thresholds[0], thresholds[-1]), ylim=(0, 1.02))
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.legend(loc="outside right upper")  # there it covers no curve, however many there are
