"""Figure 5: gradient harmonizing on the locations of a response map."""

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from experiments.drawing.figures import COLOURS, GREY, Plot, label, panels
from experiments.losses.scene import STEPS, Scene
from losses.cross_entropy import binary_residual
from losses.focal import focal_modulation
from losses.ghm import GHMC, bin_counts, gradient_bins

BINS, MOMENTUM = 10, 0.75
CENTRES = (np.arange(BINS) + 0.5) / BINS


def harmonizing(scene: Scene) -> Plot:
    """Draw figure 5: gradient norms before, contributions after, and the reformulated gradient."""
    figure, axes = panels(2, 4, 14.0, 6.4)
    emptied, fullest, pulls = {}, {}, {}
    for row, stage in enumerate(("init", "late")):
        before, after, pull, gradient = axes[4 * row : 4 * row + 4]
        logits = scene.logits[stage]
        plain, running = GHMC(BINS), GHMC(BINS, momentum=MOMENTUM)
        for past in scene.trail[:-1] if stage == "late" else []:
            running(past, scene.label)
        emptied[stage], fullest[stage] = _histograms(before, after, logits, scene.label, plain, running)
        pulls[stage] = _total_gradient(pull, logits, scene.label, plain)
        _reformulated(gradient, logits, scene.label, plain, running)
        title = f"{stage} ({STEPS[stage]} steps): "
        label(before, "gradient norm g = |p - y|", "locations (log scale)", title + "before")
        label(after, "gradient norm g = |p - y|", "summed weight (locations)", title + "after")
        label(pull, "gradient norm g = |p - y|", "share of the summed gradient", title + "summed gradient")
        label(gradient, "gradient norm g of a sample", "weighted gradient (log scale)", title + "gradient")
        for panel in (before, after, pull, gradient):
            panel.set_xlim(0, 1)
    axes[1].legend(loc="upper right")
    axes[2].legend(loc="upper right")
    axes[3].legend(loc="lower right")
    largest = binary_residual(scene.logits["late"], scene.label).abs().max().item()
    caption = (
        f"Logits of a filter learnt with BCE on {scene.origin}. Left: the fullest bin holds "
        f"{fullest['init']:.0%} of the locations at the start and {fullest['late']:.0%} late; "
        f"{emptied['init']} of {BINS} bins are empty at the start and {emptied['late']} late. Second: after "
        "weighting, every filled bin adds up to the same number of locations (exactly, without a running "
        "density). With a running density (EMA, momentum 0.75) bins that are fuller than they were count more "
        "and the others less; at the start it has seen one batch and, as in the released code, it starts at 0 "
        "without correction, so every weight is 4 times too large. Third: the share of "
        "each bin in the sum of all gradient norms, before and after: the crowded first bin gave "
        f"{pulls['late'][0]:.0%} of it late and gives {pulls['late'][1]:.0%} under GHM. "
        "Right: the gradient of a sample under cross entropy, focal loss (γ = 2, a positive sample) and GHM "
        "(one mark a location, log scale): the crowded bin is turned down, and bins with few locations are turned "
        "up steeply. The largest gradient norm late is "
        f"{largest:.2f}; outliers near 1, were they to crowd, would be turned down as well."
    )
    return Plot("figure-5", "Gradient harmonizing", caption, figure)


def _histograms(
    before: Axes, after: Axes, logits: Tensor, target: Tensor, plain: GHMC, running: GHMC
) -> tuple[int, float]:
    index = gradient_bins(binary_residual(logits, target), BINS)
    counts = bin_counts(index, BINS)
    before.bar(CENTRES, counts.numpy(), width=0.9 / BINS, color=GREY)
    before.set_yscale("log")
    before.set_ylim(0.5, 2 * counts.max().item())
    for shift, loss, hatch, title in ((-0.2, plain, "", "GHM"), (0.2, running, "///", "GHM, EMA")):
        weight = loss.eval().modulation(logits, target)
        summed = torch.zeros(BINS).scatter_add_(0, index.flatten(), weight.flatten())
        after.bar(
            CENTRES + shift / BINS, summed.numpy(), width=0.4 / BINS, hatch=hatch,
            color=COLOURS["ghm-c"] if not hatch else "white", edgecolor=COLOURS["ghm-c"], label=title,
        )  # fmt: skip
    return int((counts == 0).sum()), (counts.max() / counts.sum()).item()


def _total_gradient(axes: Axes, logits: Tensor, target: Tensor, loss: GHMC) -> tuple[float, float]:
    """Draw each bin's share of the summed gradient norm; return the first bin's before and after weighting."""
    norms = binary_residual(logits, target).abs()
    index = gradient_bins(norms, BINS).flatten().long()
    first = []
    for shift, weight, colour, title in (
        (-0.2, torch.ones_like(norms), GREY, "cross entropy"),
        (0.2, loss.eval().modulation(logits, target), COLOURS["ghm-c"], "GHM"),
    ):
        summed = torch.zeros(BINS).scatter_add_(0, index, (weight * norms).flatten())
        share = summed / summed.sum()
        axes.bar(CENTRES + shift / BINS, share.numpy(), width=0.4 / BINS, color=colour, label=title)
        first.append(share[0].item())
    return first[0], first[1]


def _reformulated(panel: Axes, logits: Tensor, target: Tensor, plain: GHMC, running: GHMC) -> None:
    g = torch.linspace(1e-3, 1 - 1e-3, 999)
    positive = torch.logit(1 - g).requires_grad_()
    ones = torch.ones_like(g)
    cross_entropy = torch.nn.functional.softplus(-positive)
    (focal,) = torch.autograd.grad((focal_modulation(positive, ones) * cross_entropy).sum(), positive)
    panel.plot(g, g, color=COLOURS["bce"], label="cross entropy")
    panel.plot(g, focal.abs(), color=COLOURS["focal"], label="focal, γ = 2")
    norms = binary_residual(logits, target).abs().flatten()
    for loss, mark, title in ((plain, ".", "GHM"), (running, "^", "GHM, EMA")):
        weight = loss.eval().modulation(logits, target).flatten()
        order = norms.argsort()
        panel.plot(
            norms[order], (weight * norms)[order], mark, markersize=4, fillstyle="none",
            color=COLOURS["ghm-c"], label=title,
        )  # fmt: skip
    panel.set_yscale("log")
    panel.set_ylim(1e-3, 1e3)
