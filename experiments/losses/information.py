"""Figures 9 and 10: cross entropy in bits, and its gradient beside the squared error's."""

import math
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from experiments.drawing.figures import COLOURS, GREY, Plot, label, panels
from losses import build_loss
from losses.cross_entropy import binary_entropy, binary_residual

TRUE, CODED = (0.5, 0.25, 0.125, 0.125), (0.25, 0.25, 0.25, 0.25)
"""Frequencies p of four symbols, and the frequencies q for which their code was made."""

START, RATE, STEPS = 4.0, 0.5, 300
"""Logit of the confidently wrong sample, step size and number of steps of figure 10."""


def bits(p: Tensor, q: Tensor) -> dict[str, float]:
    """Entropy of p, cross entropy of p and q and their Kullback-Leibler divergence, in bits.

    Args:
        p: distribution ``(K,)``, float64, without zeros.
        q: the distribution that is compared with it, as ``p``.
    """
    loss = build_loss("ce")
    entropy, cross = (loss(other.log()[None], p[None]).item() / math.log(2) for other in (p, q))
    return {"entropy": entropy, "cross entropy": cross, "divergence": cross - entropy}


def information() -> Plot:
    """Draw figure 9: code lengths, the three quantities in bits, and the least BCE of a soft label."""
    p, q = (torch.tensor(values, dtype=torch.float64) for values in (TRUE, CODED))
    found = bits(p, q)
    figure, (codes, sums, floor) = panels(1, 3, 11.5, 3.6)
    symbols = torch.arange(len(p))
    codes.bar(symbols - 0.2, -p.log2(), width=0.4, color=COLOURS["quality-focal"], label="code made for p")
    codes.bar(symbols + 0.2, -q.log2(), width=0.4, color=GREY, label="code made for q (uniform)")
    codes.set_xticks(
        symbols.tolist(), [f"{name}\np = {value:g}" for name, value in zip("ABCD", TRUE, strict=True)]
    )
    codes.set_ylim(0, 4)
    codes.legend(loc="upper left")
    label(codes, "symbol", "length of its code word (bits)", "a symbol costs −log₂ of its frequency")
    _quantities(sums, found)
    _floor(floor)
    caption = (
        f"Four symbols with the frequencies p = {TRUE}. A code made for p needs H(p) = {found['entropy']:.2f} bits "
        f"a symbol on average; a code made for the uniform q needs H(p, q) = {found['cross entropy']:.2f}. The "
        f"difference, {found['divergence']:.2f} bits, is the divergence KL(p‖q): what it costs to believe q. Training "
        "lowers H(p, q), and H(p) is the part that no prediction can remove. Right: binary cross entropy with a soft "
        "label y is least at p = y, and there it is H(y), not 0. The losses themselves are in nats, ln 2 times these."
    )
    return Plot("figure-9", "Entropy, cross entropy and divergence in bits", caption, figure)


def _quantities(axes: Axes, found: dict[str, float]) -> None:
    names = ("H(p)", "H(p, q)")
    axes.bar(names, [found["entropy"]] * 2, width=0.5, color=COLOURS["quality-focal"], label="entropy H(p)")
    extra: dict[str, Any] = {"bottom": found["entropy"], "color": COLOURS["focal"], "label": "KL(p‖q)"}
    axes.bar(names[1], found["divergence"], width=0.5, **extra)
    for place, value in enumerate((found["entropy"], found["cross entropy"])):
        axes.text(place, value + 0.04, f"{value:.2f}", ha="center")
    axes.set_ylim(0, 2.9)
    axes.legend(loc="upper left")
    label(axes, "", "bits a symbol", "H(p, q) = H(p) + KL(p‖q)")


def _floor(axes: Axes) -> None:
    x = torch.linspace(-12, 12, 1201, dtype=torch.float64)
    loss = build_loss("bce", reduction="none")
    for soft, colour in ((0.0, COLOURS["bce"]), (0.2, COLOURS["quality-focal"]), (0.5, COLOURS["focal"])):
        value = loss(x, torch.full_like(x, soft)) / math.log(2)
        axes.plot(x.sigmoid(), value, color=colour, label=f"y = {soft:g}")
        least = binary_entropy(torch.tensor(soft, dtype=torch.float64)).item() / math.log(2)
        axes.plot([soft], [least], "o", color=colour, markersize=5)
    axes.set_ylim(0, 4)
    axes.legend(loc="upper center")
    label(axes, "predicted probability p", "BCE (bits)", "least at p = y, where it is H(y)")


def descend(squared: bool) -> Tensor:
    """Return the logits along gradient descent on one sample of label 0, float64 ``(STEPS + 1,)``.

    Args:
        squared: minimise (s(x) - y)² / 2 instead of cross entropy.
    """
    x, zero = torch.tensor(START, dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64)
    path = [x]
    for _ in range(STEPS):
        x = x - RATE * slope(x, zero, squared=squared)
        path.append(x)
    return torch.stack(path)


def slope(logits: Tensor, target: Tensor, *, squared: bool) -> Tensor:
    """Return the derivative by the logit: s - y of cross entropy, (s - y) s (1 - s) of the squared error."""
    residual = binary_residual(logits, target)
    return residual * logits.sigmoid() * (-logits).sigmoid() if squared else residual


def slow_gradient() -> Plot:
    """Draw figure 10: gradients by the logit, and how long a confidently wrong sample takes."""
    x = torch.linspace(-8, 8, 801, dtype=torch.float64)
    figure, (gradients, ratio, course) = panels(1, 3, 11.5, 3.6)
    halfway = {}
    for squared, colour, name in (
        (False, COLOURS["bce"], "cross entropy"),
        (True, COLOURS["focal"], "squared error"),
    ):
        gradients.plot(x, slope(x, torch.zeros_like(x), squared=squared), color=colour, label=name)
        probability = descend(squared).sigmoid()
        halfway[squared] = int((probability <= 0.5).nonzero()[0])
        course.plot(probability, color=colour, label=f"{name}: p ≤ 0.5 after {halfway[squared]}")
    start = torch.tensor(START, dtype=torch.float64)
    factor = (start.sigmoid() * (-start).sigmoid()).item()
    ratio.plot(x, x.sigmoid() * (-x).sigmoid(), color=GREY)
    ratio.plot([START], [factor], "o", color=GREY, markersize=5)
    ratio.annotate(f"{factor:.4f} at x = {START:g}", (START, factor), xytext=(3.0, 0.09), fontsize=8)
    gradients.axvline(START, color=GREY, linewidth=0.8, linestyle=":")
    label(gradients, "logit x, label 0", "derivative of the loss by x", "gradient")
    label(ratio, "logit x", "s(x) (1 − s(x))", "squared error's gradient / cross entropy's")
    title = f"from x = {START:g}, rate {RATE:g}"
    label(course, "step of gradient descent", "probability p of the wrong class", title)
    course.set_ylim(0, 1.3)
    gradients.legend(loc="upper left")
    course.legend(loc="upper right")
    caption = (
        f"One sample of label 0. Through a sigmoid the squared error's gradient is cross entropy's times "
        f"s(1 − s): at most 1/4, and {factor:.4f} at x = {START:g}, where the network is wrong and sure of it "
        f"(p = {start.sigmoid().item():.3f}). So the sample that needs the largest step gets one that is "
        f"{1 / factor:.0f} times smaller: gradient descent with rate {RATE:g} reaches p = 0.5 after "
        f"{halfway[True]} steps instead of {halfway[False]}."
    )
    return Plot("figure-10", "The slow gradient of sigmoid with squared error", caption, figure)
