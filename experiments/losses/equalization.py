"""Figure 12: the positive and negative gradients on a class's logit, with and without equalization."""

from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from experiments.drawing.figures import COLOURS, GREY, REGIONS, Plot, label, panels
from experiments.losses.long_tail import CLASSES, COUNTS, THRESHOLD, gradients
from losses.equalization import rare_classes

LIMITED = {"counts": COUNTS, "threshold": THRESHOLD}
PAIRS: dict[str, tuple[tuple[str, str, dict[str, Any]], ...]] = {
    "softmax": (("CE", "ce", {}), ("SEQL", "seql", LIMITED)),
    "sigmoids": (("BCE", "eql", {"counts": COUNTS, "threshold": 0.0}), ("EQL", "eql", LIMITED)),
}
"""Losses without and with equalization. EQL in which no class is rare is the binary cross entropy of K sigmoids."""


def equalized_gradients() -> Plot:
    """Draw figure 12: positive and negative gradients of head and tail classes."""
    figure, axes = panels(2, 2, 10.2, 6.8)
    rare = rare_classes(COUNTS, THRESHOLD)
    found = {}
    for row, (activation, losses) in enumerate(PAIRS.items()):
        for panel, (title, name, arguments) in zip(axes[2 * row : 2 * row + 2], losses, strict=True):
            found[title] = gradients(name, arguments)
            _bars(panel, *found[title], rare)
            label(panel, "class, from many to few samples", "summed |gradient|", f"{activation}: {title}")
        top = max(side.max().item() for title, _, _ in losses for side in found[title])
        for panel in axes[2 * row : 2 * row + 2]:
            panel.set_ylim(0.8, 2 * top)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)

    def ratio(title: str, members: Tensor) -> float:
        positive, negative = found[title]
        return (positive[members].sum() / negative[members].sum()).item()

    def quotient(title: str) -> str:
        return f"{ratio(title, ~rare):.2f} and {ratio(title, rare):.3f}"

    caption = (
        f"{CLASSES} classes of {COUNTS.max()} to {COUNTS.min()} samples, all logits 0; right of the dotted line are "
        f"the {int(rare.sum())} rare classes, each below {THRESHOLD:.0%} of the samples. A class's own samples pull "
        "its logit up, all others push it down. Positive over negative gradient, of the frequent and of the rare "
        f"classes: softmax CE {quotient('CE')}, SEQL {quotient('SEQL')}; sigmoids BCE {quotient('BCE')}. "
        "SEQL takes nine in ten of the pushes from the rare classes, and the frequent ones share what is left of the "
        "softmax. "
        "EQL takes all of them, so that rare classes have no negative gradient at all, and leaves the frequent "
        "classes as they were."
    )
    return Plot("figure-12", "Positive and negative gradients of head and tail", caption, figure)


def _bars(axes: Axes, positive: Tensor, negative: Tensor, rare: Tensor) -> None:
    places = torch.arange(CLASSES)
    axes.bar(places - 0.2, positive, width=0.4, color=COLOURS["seql"], label="positive (own samples)")
    axes.bar(places + 0.2, negative, width=0.4, color=REGIONS["peak"], label="negative (the others')")
    axes.axvline(int((~rare).sum()) - 0.5, color=GREY, linewidth=0.8, linestyle=":")
    axes.set(yscale="log", xticks=range(0, CLASSES, 5))
