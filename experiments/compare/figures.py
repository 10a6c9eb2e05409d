"""Figures of a comparison: convergence, differences, easy background, responses on hard frames."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from data.boxes import Floats, Image
from experiments.compare.measures import decode_map
from experiments.compare.plan import Stage
from experiments.compare.tables import METRICS, Results, course_of, hardest
from experiments.drawing.figures import COLOURS, GREY, LINES, Plot, label, panels

MEASURES = {
    "peak_distance": "peak distance (target sizes)",
    "hit_rate": "hit rate",
    "ao": "AO, validation clips",
}
TITLES: dict[Stage, str] = {"offline": "Off-line training", "online": "On-line regression"}
_OTHERS = ("#F0E442", "#999999", "#882255", "#44AA99")  # of losses that no other figure shows
_MARKS = "osD^vPX*"
_MEASURED_LOSS: dict[Stage, str] = {
    "offline": "the batch at each measured step",
    "online": "frame 1 after so many steps, in the mean over the test clips",
}


def styles(labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Colour, line and mark of each loss: one colour in all figures, and never the colour alone."""
    spare = iter(_OTHERS * len(labels))
    names = [text.partition(":")[0] for text in labels]
    found = {}
    for index, (text, name) in enumerate(zip(labels, names, strict=True)):
        own = name in COLOURS and name not in names[:index]
        found[text] = {
            "color": COLOURS[name] if own else next(spare),
            "linestyle": LINES[index % len(LINES)],
            "marker": _MARKS[index % len(_MARKS)],
        }
    return found


def convergence(stage: Stage, results: Results) -> Plot:
    """Draw the measures of `MEASURES` against step and against time: mean and spread over seeds."""
    runs = next(iter(results.values()))
    measures = [name for name in MEASURES if any(name in point for point in runs[0]["course"])]
    figure, axes = panels(len(measures), 2, 9.6, 0.6 + 2.9 * len(measures))
    for row, measure in enumerate(measures):
        for axis, against in zip(axes[2 * row : 2 * row + 2], ("step", "seconds"), strict=True):
            _curves(axis, results, measure, against)
            label(axis, against, MEASURES[measure])
            if stage == "online":
                _logarithmic(axis)
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=min(len(results), 7)
    )
    seeds = len(runs)
    caption = (
        f"Mean over {seeds} seed{'s' * (seeds != 1)}, band: standard deviation over seeds. Left against "
        + ("optimiser steps" if stage == "offline" else "steps of the solver on frame 1")
        + ", right against seconds of them alone, measured while other runs shared the machine."
        + " AO is that of the filter of frame 1 after so many steps, which is not updated."
        * (stage == "online" and "ao" in measures)
    )
    return Plot(f"{stage}-convergence", f"{TITLES[stage]}: convergence", caption, figure)


def _curves(axis: Axes, results: Results, measure: str, against: str) -> None:
    for text, style in styles(list(results)).items():
        course = course_of(results[text], measure)
        _curve(axis, course[against], course["mean"], course["spread"], text, style)


def _curve(axis: Axes, x: Any, mean: Floats, spread: Floats, text: str, style: Mapping[str, Any]) -> None:
    """A loss's mean over the seeds and its band of one standard deviation."""
    axis.fill_between(x, mean - spread, mean + spread, color=style["color"], alpha=0.12, linewidth=0)
    axis.plot(x, mean, markersize=4, label=_plain(text), **style)


def _logarithmic(axis: Axes) -> None:
    """Scale the x axis by ratio, with plain numbers however short the axis is."""
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter(NullFormatter())


def easy_background(stage: Stage, results: Results) -> Plot | None:
    """Draw the share of easy background in the loss, by step; None if no loss is a sum over locations."""
    figure, (axis,) = panels(1, 1, 7.2, 3.6)
    left_out = []
    for text, style in styles(list(results)).items():
        shares = [[point["share"] for point in run["easy_background"]] for run in results[text]]
        if not shares[0]:
            left_out.append(text)
            continue
        steps = [point["step"] for point in results[text][0]["easy_background"]]
        spread = np.std(shares, axis=0, ddof=1) if len(shares) > 1 else np.zeros(len(steps))
        _curve(axis, steps, np.mean(shares, axis=0), spread, text, style)
    if len(left_out) == len(results):
        return None
    label(axis, "step", "share of the loss")
    axis.set_ylim(bottom=0)
    if stage == "online":
        _logarithmic(axis)
    figure.legend(loc="outside right upper")
    caption = (
        f"Of the loss of {_MEASURED_LOSS[stage]}, what comes from locations with a label below .05 and an "
        "error below .1. Mean and standard deviation over seeds."
        + (f" Not for {', '.join(left_out)}, to which a whole map is one sample." if left_out else "")
    )
    title = f"{TITLES[stage]}: share of easy background in the loss"
    return Plot(f"{stage}-easy-background", title, caption, figure)


def differences(stage: Stage, rows: Sequence[Mapping[str, Any]], reference: str) -> Plot | None:
    """Draw the paired differences to the reference with their intervals; None if there is no other loss."""
    others = [row for row in rows if row["ao"]["difference"] is not None]
    if not others:
        return None
    figure, axes = panels(1, len(METRICS), 9.6, 0.9 + 0.36 * len(others))
    style = styles([row["label"] for row in rows])
    for axis, (metric, title) in zip(axes, METRICS.items(), strict=True):
        for place, row in enumerate(others):
            entry, own = row[metric], style[row["label"]]
            axis.plot(entry["difference_interval"], [place, place], color=own["color"], linewidth=2.4)
            axis.plot(entry["difference"], place, own["marker"], color=own["color"], markersize=7)
        axis.axvline(0, color=GREY, linewidth=0.8)
        axis.set_yticks(
            range(len(others)), [_plain(row["label"]) for row in others] if axis is axes[0] else []
        )
        axis.set_ylim(len(others) - 0.5, -0.5)  # the first on top, no marker cut
        axis.locator_params(axis="x", nbins=4)
        label(axis, f"less {reference}'s", "", title)
    caption = (
        f"Difference to {reference}, clip by clip, with the bootstrap's 95 % interval over clips. A bar that crosses "
        "the line is no difference that these clips can show."
    )
    return Plot(f"{stage}-differences", f"{TITLES[stage]}: tracking against {reference}", caption, figure)


def strips(stage: Stage, results: Results, crops: Sequence[tuple[Image, Floats]]) -> Plot:
    """Draw the responses of every loss (seed 0) on the measured crops whose peaks are farthest off.

    Args:
        stage: the stage compared.
        results: the results of its losses.
        crops: search crop and true box, in crop pixels, of every measured pair.
    """
    chosen = hardest(results, 6)
    figure, axes = panels(len(chosen), 1 + len(results), 1.35 * (1 + len(results)), 1.35 * len(chosen) + 0.4)
    grid = np.array(axes, dtype=object).reshape(len(chosen), -1)
    for axis, text in zip(grid[0], ("crop", *map(_plain, results)), strict=True):
        axis.set_title(text, fontsize=7)
    for row, index in zip(grid, chosen, strict=True):
        image, bbox = crops[index]
        side = len(image)
        row[0].imshow(image)
        for axis, runs in zip(row[1:], results.values(), strict=True):
            response = decode_map(runs[0]["probes"]["maps"][index])
            # The middle cell lies on the crop's middle; a map may have one cell more than the crop has.
            cell = side / (len(response) - len(response) % 2)
            half = cell * (len(response) // 2 + 0.5)
            middle = (side - 1) / 2
            extent = (middle - half, middle - half + cell * len(response))
            axis.imshow(response, cmap="cividis", vmin=-0.3, vmax=1, extent=(*extent, *extent[::-1]))
            peak = np.unravel_index(int(response.argmax()), response.shape)
            y, x = (extent[0] + (place + 0.5) * cell for place in peak)
            axis.plot(x, y, "x", color="#D55E00", markersize=7, markeredgewidth=1.8)
        for axis in row:
            x, y, w, h = bbox
            corners = x - 0.5 + np.array([0, w, w, 0, 0]), y - 0.5 + np.array([0, 0, h, h, 0])
            axis.plot(*corners, color="w", linewidth=1)
            axis.set(xticks=[], yticks=[], xlim=(-0.5, side - 0.5), ylim=(side - 0.5, -0.5))
            axis.grid(visible=False)
            axis.spines[:].set_visible(False)
    caption = (
        "The measured crops whose peaks are farthest off in the mean over all losses and seeds; responses of seed 0, "
        "each over its own largest value. White: the target's box. Orange: the peak."
    )
    return Plot(f"{stage}-hard-frames", f"{TITLES[stage]}: hard frames", caption, figure)


def _plain(text: str) -> str:
    """Escape ``$``, which would start a formula, and strip a leading underscore, which would hide a legend entry."""
    return text.replace("$", r"\$").lstrip("_")
