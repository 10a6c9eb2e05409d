"""Figures 1, 2, 6 and 7: losses of one sample as curves."""

from itertools import cycle
from typing import Any

import torch
from torch import Tensor

from experiments.drawing.figures import COLOURS, GREY, LINES, Plot, label, panels
from losses import build_loss
from losses.focal import focal_modulation
from losses.shrinkage import shrinkage_modulation
from losses.truncation import hard_truncation, soft_truncation

EASY, HARD = 0.3, 0.8


def curve(name: str, x: Tensor, target: float, **arguments: Any) -> tuple[Tensor, Tensor]:
    """Return the value and derivative of a loss at each prediction ``x``, float64 ``(N,)``, for one target."""
    x = x.clone().requires_grad_()
    value = build_loss(name, reduction="none", **arguments)(x, torch.full_like(x, target))
    (slope,) = torch.autograd.grad(value.sum(), x)
    return value.detach(), slope


def regression_curves() -> Plot:
    """Draw figure 1: L2, L3 and shrinkage over the error, their derivatives and their contrast."""
    error = torch.linspace(0, 1, 401, dtype=torch.float64)
    ends = torch.tensor([EASY, HARD], dtype=torch.float64)
    figure, (values, slopes, ratios) = panels(1, 3, 11.5, 3.8)
    found = {}
    for name, title, arguments in (
        ("l2", "L2", {}),
        ("l3", "L3", {}),
        ("shrinkage", "Shrinkage", {"importance": "none"}),
    ):
        colour = COLOURS[name]
        value, slope = curve(name, error, 0, **arguments)
        easy, hard = curve(name, ends, 0, **arguments)[0].tolist()
        found[name] = (easy, hard, hard / easy)
        caption = f"{title}: {easy:.3g} → {hard:.3g}, {hard / easy:.1f}×"
        values.plot(error, value, color=colour, label=caption)
        values.plot(ends, [easy, hard], "o", color=colour, markersize=4)
        slopes.plot(error, slope, color=colour, label=title)
        ratios.bar([title], [hard / easy], width=0.6, color=colour)
        ratios.text(len(found) - 1, hard / easy + 0.3, f"{hard / easy:.1f}", ha="center")
    weight = torch.e
    value, slope = curve("shrinkage", error, 0, importance="none")
    values.plot(error, weight * value, "--", color=COLOURS["shrinkage"], label="Shrinkage · exp(Y) at Y = 1")
    slopes.plot(error, weight * slope, "--", color=COLOURS["shrinkage"], label="Shrinkage · exp(Y) at Y = 1")
    for end in (EASY, HARD):
        values.axvline(end, ymax=0.34, color=GREY, linewidth=0.8, linestyle=":")
    values.set_ylim(0, 2.0)
    slopes.set_ylim(0, 5.5)
    label(values, "absolute error l (response units)", "loss L(l)", f"loss, marked at l = {EASY} and {HARD}")
    label(slopes, "absolute error l (response units)", "derivative dL/dl", "derivative")
    label(ratios, "", f"L({HARD}) / L({EASY})", "hard loss / easy loss")
    values.legend(loc="upper left")
    slopes.legend(loc="upper left")
    caption = (
        f"From l = {EASY} to {HARD} the loss grows {found['l2'][2]:.1f} times under L2, {found['l3'][2]:.1f} "
        f"under L3 and {found['shrinkage'][2]:.1f} under shrinkage: L3 has more contrast than shrinkage. But "
        f"L3 pays for it at the hard end, where {found['l3'][1]:.3f} of L2's {found['l2'][1]:.2f} is left; "
        f"shrinkage keeps {found['shrinkage'][1]:.4f}. Its derivative even exceeds L2's a little for "
        "l > 0.285 (at most 1.09 times). The dashed curve is a location with label 1 under the paper's weight "
        "exp(Y); it leaves the panel at the top."
    )
    return Plot("figure-1", "Loss and derivative over the error", caption, figure)


def chosen_curves(names: list[str]) -> Plot:
    """Draw the curves of registered losses: over the error if they regress, over the logit if they classify.

    Raises:
        ValueError: a name is unknown, or its loss has no value for a single location (settings spatial, class).
    """
    ranges = {"regress": (0.0, 1.0, 0.0), "binary": (-6.0, 6.0, 1.0)}
    axes_names = {"regress": "absolute error l at label 0", "binary": "logit x at label 1"}
    settings = {name: build_loss(name).setting for name in names}
    if wrong := [name for name, setting in settings.items() if setting not in ranges]:
        raise ValueError(
            f"curves are drawn of losses of single locations (regress, binary), got {', '.join(wrong)}"
        )
    rows = [setting for setting in ranges if setting in settings.values()]
    figure, axes = panels(len(rows), 2, 8.4, 3.6 * len(rows))
    for row, setting in enumerate(rows):
        low, high, target = ranges[setting]
        x = torch.linspace(low, high, 401, dtype=torch.float64)
        of_setting = [name for name in names if settings[name] == setting]
        for name, line in zip(of_setting, cycle(LINES)):
            for panel, values in zip(axes[2 * row : 2 * row + 2], curve(name, x, target), strict=True):
                panel.plot(x, values, linestyle=line, color=COLOURS.get(name, GREY), label=name)
        label(axes[2 * row], axes_names[setting], "loss", "loss")
        label(axes[2 * row + 1], axes_names[setting], "derivative", "derivative")
        axes[2 * row].legend()
    return Plot("curves", "Loss and derivative", f"With their default settings: {', '.join(names)}.", figure)


def shrinkage_modulations() -> Plot:
    """Draw figure 2: the factor of shrinkage for several a and c, beside powers of the error."""
    error = torch.linspace(0, 1, 401, dtype=torch.float64)
    figure, axes = panels(1, 2, 8.4, 3.6)
    grids = (
        ("speed a, at c = 0.2", [(a, 0.2) for a in (5, 10, 20, 40)]),
        ("place c, at a = 10", [(10, c) for c in (0.0, 0.2, 0.4, 0.6)]),
    )
    for panel, (title, grid) in zip(axes, grids, strict=True):
        for power, tint, name in ((1, 0.75, "l (L3)"), (2, 0.55, "l² (L4)")):
            panel.plot(error, error**power, "--", color=str(tint), linewidth=1.2, label=name)
        for line, (a, c) in zip(LINES[1:] + LINES[:1], grid, strict=False):
            default = (a, c) == (10, 0.2)
            panel.plot(
                error, shrinkage_modulation(error, a, c), linestyle="-" if default else line,
                linewidth=2.4 if default else 1.3, color=COLOURS["shrinkage"], label=f"a = {a}, c = {c}",
            )  # fmt: skip
        label(panel, "absolute error l (response units)", "factor on the squared error", title)
        panel.set_ylim(-0.02, 1.05)
        panel.legend(loc="lower right")
    marks = torch.tensor([0, 0.2, 0.5], dtype=torch.float64)
    places = ((0.3, 0.08), (0.32, 0.43), (0.56, 0.84))
    for x, y, place in zip(marks.tolist(), shrinkage_modulation(marks).tolist(), places, strict=True):
        axes[0].plot([x], [y], "o", color=COLOURS["shrinkage"], markersize=5)
        axes[0].annotate(
            f"f({x:g}) = {y:.3f}", (x, y), xytext=place, va="center", fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.8},
        )  # fmt: skip
    caption = (
        "The factor of shrinkage is a sigmoid of the error: half is left at l = c. With the defaults (thick) an "
        "easy location keeps at least f(0) = 0.119 of its squared error: shrinkage never silences it. Large a "
        "turns it into a hard threshold, which is hard truncation of L2. The dashed powers of L3 and L4 reach "
        "0 at l = 0, but stay below 1 up to l = 1: they shrink the hard samples too."
    )
    return Plot("figure-2", "Modulation of the squared error", caption, figure)


def classification_curves() -> Plot:
    """Draw figure 6: focal and truncated cross entropy of a positive, over the logit and the probability."""
    x = torch.linspace(-4, 4, 801, dtype=torch.float64)
    ones = torch.ones_like(x)
    p = x.sigmoid()
    bce = curve("bce", x, 1)[0]
    figure, axes = panels(2, 3, 10.2, 6.0)
    focal = [(f"focal γ = {g:g}", focal_modulation(x, ones, g)) for g in (0.5, 1, 2, 5)]
    soft = [(f"soft K = {k}", soft_truncation(x, k=k)[0]) for k in (1, 5, 10, 50)]
    hard = hard_truncation(x, ones)
    for row, (name, family) in enumerate((("focal", focal), ("soft-truncated", soft))):
        over_logit, over_p, weights = axes[3 * row : 3 * row + 3]
        for panel, at, scale in ((over_logit, x, bce), (over_p, p, bce), (weights, x, ones)):
            panel.plot(at, scale, color=COLOURS["bce"], label="cross entropy (γ = 0)")
            for line, (title, modulation) in zip(LINES, family, strict=False):
                panel.plot(at, scale * modulation, linestyle=line, color=COLOURS[name], label=title)
            if row == 1:
                panel.plot(at, scale * hard, color=COLOURS["hard-truncated"], linewidth=1, label="hard")
        label(over_logit, "logit of the true class x_t", "loss (nats)", "loss over the logit")
        label(over_p, "probability of the true class p_t", "loss (nats)", "loss over the probability")
        label(weights, "logit of the true class x_t", "weight on cross entropy", "modulation")
        over_logit.legend(loc="upper right")
        over_logit.set_ylim(0, 3)
        over_p.set_ylim(0, 3)
    caption = (
        "A positive sample; a negative is its mirror image. Top: focal loss weighs by (1 - p_t)^γ and so also "
        "takes weight from samples on the wrong side. Bottom: soft truncation weighs by a sigmoid of the logit; "
        "K = 1 is focal with γ = 1, and as K grows it becomes the step of hard truncation (margin 0.5), whose "
        "loss jumps to 0 as soon as a sample is right."
    )
    return Plot("figure-6", "Focal loss and truncation", caption, figure)


def soft_label_minimisers() -> Plot:
    """Draw figure 7: the probability at which a loss of a soft label is least."""
    p = torch.linspace(1e-3, 1 - 1e-3, 1999, dtype=torch.float64)
    labels = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)
    logits, target = p.logit().expand(len(labels), -1), labels[:, None].expand(-1, len(p))
    figure, (axes,) = panels(1, 1, 4.6, 4.2)
    chosen: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
        ("bce", "-", "BCE", "bce", {}),
        ("quality-focal", "--", "quality focal, β = 2", "quality-focal", {}),
        ("focal", "-", "focal γ = 2, p_t mixed", "focal", {"alpha": None}),
        ("mixture focal", "-", "focal γ = 2, losses mixed", "soft-truncated", {"k": 1, "gamma": 2}),
    )
    for colour, line, title, name, arguments in chosen:
        loss = build_loss(name, reduction="none", **arguments)(logits, target)
        axes.plot(labels, p[loss.argmin(1)], line, color=COLOURS[colour], label=title)
    label(axes, "soft label y", "probability p with the least loss", "right is the diagonal p = y")
    axes.set_aspect("equal")
    axes.legend(loc="upper left")
    caption = (
        "Trained to its minimum on a soft label y, a network answers p. BCE and quality focal answer y itself "
        "(their lines coincide). Focal loss does not: with a mixed p_t (torchvision's form, and ours) it "
        "exaggerates, with the two sides' losses mixed (soft truncation with K = 1) it draws to 0.5. On Gaussian "
        "labels take quality focal."
    )
    return Plot("figure-7", "Where the loss of a soft label is least", caption, figure)
