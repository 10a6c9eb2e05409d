"""The style of the figures of losses: one colour for each loss, one layout, one way to save."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data.files import replacing

# Okabe and Ito's palette, told apart by colour-blind readers. Plain losses are black; a colour may serve
# two losses that never share an axis, but a loss has the same colour in every figure.
COLOURS = {
    "l2": "#000000",
    "l3": "#E69F00",
    "focal-regression": "#CC79A7",
    "shrinkage": "#0072B2",
    "ghm-r": "#009E73",
    "spatial-ce": "#D55E00",
    "bce": "#000000",
    "focal": "#E69F00",
    "mixture focal": "#CC79A7",
    "quality-focal": "#56B4E9",
    "hard-truncated": "#D55E00",
    "soft-truncated": "#0072B2",
    "ghm-c": "#009E73",
    "ce": "#000000",
    "class-balanced": "#56B4E9",
    "cdt": "#E69F00",
    "seql": "#009E73",
    "influence-balanced": "#D55E00",
}
GREY = "#777777"
REGIONS = {"background": "#BBBBBB", "shoulder": "#56B4E9", "peak": "#D55E00"}
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))

_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E5E5",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "svg.hashsalt": "losses",  # the same figure is the same file
}


@dataclass(frozen=True)
class Plot:
    """A finished figure with its title and caption."""

    name: str
    title: str
    caption: str
    figure: Figure

    def save(self, folder: Path) -> None:
        """Write ``<name>.png`` (150 dpi) and ``<name>.svg``."""
        for suffix, metadata in (("png", None), ("svg", {"Date": None})):
            with replacing(folder / f"{self.name}.{suffix}") as temporary:
                self.figure.savefig(temporary, dpi=150, metadata=metadata)


@contextmanager
def house_style() -> Iterator[None]:
    """Apply matplotlib's settings while figures are drawn and saved."""
    with matplotlib.rc_context(_STYLE):
        yield


def panels(rows: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Make a figure of the given size in inches; return it and its axes, row by row."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def label(axes: Axes, x: str, y: str, title: str = "") -> None:
    """Name both axes and the panel."""
    axes.set(xlabel=x, ylabel=y)
    axes.set_title(title, loc="left", fontweight="bold")
