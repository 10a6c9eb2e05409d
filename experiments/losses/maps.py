"""Figures 3 and 4: the losses at each location of a response map."""

from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes
from torch import Tensor, autograd

from experiments.drawing.figures import REGIONS, Plot, label, panels
from experiments.losses.scene import STEPS, Scene
from losses import build_loss

BACKGROUND, PEAK = 0.05, 0.5
SHOWN: dict[str, tuple[str, dict[str, Any]]] = {
    "L2": ("l2", {}),
    "L3": ("l3", {}),
    "L4": ("focal-regression", {"gamma": 2.0}),
    "Shrinkage": ("shrinkage", {"importance": "none"}),
    "Shrinkage\n· exp(Y)": ("shrinkage", {}),
    "Shrinkage\nDSLT code": ("shrinkage", {"importance": "dslt_code"}),
    "GHM-R": ("ghm-r", {}),
}


def with_distractor(response: Tensor) -> Tensor:
    """Add a second peak of height .8 on background to a response ``(1, 1, 31, 31)``: a hard negative."""
    peak = response.new_tensor([0.45, 0.67, 0.8, 0.67, 0.45])
    changed = response.clone()
    place = (..., slice(4, 9), slice(22, 27))
    changed[place] = changed[place].maximum(peak[:, None] * peak / peak.max())
    return changed


def shares(response: Tensor, target: Tensor) -> dict[str, dict[str, float]]:
    """Compute the share of each region in the sum of each loss, in [0, 1]."""
    regions = {
        "background": target < BACKGROUND,
        "shoulder": (target >= BACKGROUND) & (target < PEAK),
        "peak": target >= PEAK,
    }
    return {
        title: {region: (loss[at].sum() / loss.sum()).item() for region, at in regions.items()}
        for title, loss in _losses(response, target).items()
    }


def kept_at_the_peak(response: Tensor, target: Tensor) -> dict[str, float]:
    """Compute each loss at the target's peak, divided by L2 at the same place."""
    at = target == target.max()
    found = _losses(response, target)
    return {title: (loss[at].mean() / found["L2"][at].mean()).item() for title, loss in found.items()}


def _losses(response: Tensor, target: Tensor, titles: Iterable[str] = SHOWN) -> dict[str, Tensor]:
    """The losses of each location, shaped as the response."""
    built = {title: build_loss(SHOWN[title][0], reduction="none", **SHOWN[title][1]) for title in titles}
    return {title: loss(response, target) for title, loss in built.items()}


def background_shares(scene: Scene) -> Plot:
    """Draw figure 3: how much of each loss is background, from the first step to the last."""
    stages = {f"{stage} ({STEPS[stage]} steps)": scene.responses[stage] for stage in STEPS}
    stages["late, with a distractor"] = with_distractor(scene.responses["late"])
    figure, axes = panels(2, 4, 13.0, 6.4)
    found = {}
    for panel, ratio_panel, (stage, response) in zip(axes[:4], axes[4:], stages.items(), strict=True):
        found[stage] = shares(response, scene.label)
        _stack(panel, found[stage])
        label(panel, "share of the total loss", "", stage)
        ratios = kept_at_the_peak(response, scene.label)
        ratios.pop("GHM-R")  # its weights put it on another scale
        ratio_panel.barh(list(ratios), list(ratios.values()), color=REGIONS["peak"])
        for row, value in enumerate(ratios.values()):
            ratio_panel.text(value, row, f" {value:.2g}", va="center", fontsize=8)
        error = (response - scene.label)[scene.label == scene.label.max()].abs().mean().item()
        label(ratio_panel, "loss at the peak / L2's there", "", f"peak error {error:.2f}")
        ratio_panel.set_xlim(0, 1.25 * max(ratios.values()))
        ratio_panel.invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return Plot("figure-3", "Share of easy background in the loss", _shares_caption(scene, found), figure)


def _stack(panel: Axes, found: dict[str, dict[str, float]]) -> None:
    left = [0.0] * len(found)
    names = {"background": f"background (label < {BACKGROUND})", "shoulder": "shoulder"}
    names["peak"] = f"peak (label ≥ {PEAK})"
    for region, title in names.items():
        values = [share[region] for share in found.values()]
        panel.barh(list(found), values, left=left, color=REGIONS[region], label=title)
        left = [a + b for a, b in zip(left, values, strict=True)]
    for row, share in enumerate(found.values()):
        panel.text(0.01, row, f"{share['background']:.2g}", va="center", fontsize=8)
    panel.set_xlim(0, 1)
    panel.invert_yaxis()


def _shares_caption(scene: Scene, found: dict[str, dict[str, dict[str, float]]]) -> str:
    def of(stage: str, loss: str) -> str:
        name = next(title for title in found if title.startswith(stage))
        return f"{found[name][loss]['background']:.2f}"

    return (
        f"One filter learnt with L2 on {scene.origin}, its response judged by every loss; the figure in each bar "
        f"is the background's share. After {STEPS['mid']} steps it is {of('mid', 'L2')} under L2, "
        f"{of('mid', 'L3')} under L3 and {of('mid', 'Shrinkage')} under shrinkage: L3 suppresses easy background "
        f"more than plain shrinkage ever can. Late, where all errors are small, it is {of('late (', 'L2')}, "
        f"{of('late (', 'L3')} and {of('late (', 'Shrinkage')}. A distractor is hard background: there the share "
        f"should not fall away, and it is {of('late, ', 'L2')}, {of('late, ', 'L3')} and "
        f"{of('late, ', 'Shrinkage')}. The released DSLT code gives background no weight, so it cannot see the "
        "distractor at all. Bottom: what is left at the target's peak, relative to L2. Where the peak is missed "
        "(a large error), shrinkage keeps what L3 and L4 take away; exp(Y) multiplies it by e. GHM-R, on another "
        "scale, is left out there."
    )


def heat_maps(scene: Scene) -> Plot:
    """Draw figure 4: patch, label, response, and the loss and gradient of each location."""
    response = scene.responses["mid"].clone().requires_grad_()
    figure, axes = panels(3, 3, 8.6, 8.0)
    axes[0].imshow(scene.patch, extent=(-0.5, 30.5, 30.5, -0.5))
    axes[0].set_title("search region", loc="left", fontweight="bold")
    for panel, title, image in (
        (axes[1], "label", scene.label),
        (axes[2], f"response after {STEPS['mid']} steps", response.detach()),
    ):
        drawn = panel.imshow(image[0, 0].numpy(), cmap="viridis", vmin=-0.3, vmax=1)
        panel.set_title(title, loc="left", fontweight="bold")
    figure.colorbar(drawn, ax=axes[:3], label="label and response", shrink=0.85)
    chosen = ["L2", "L3", "Shrinkage"]
    found = _losses(response, scene.label, chosen).values()
    losses = [loss.detach()[0, 0] for loss in found]
    slopes = [autograd.grad(loss.sum(), response)[0].abs()[0, 0] for loss in found]
    for row, images, kind, cmap in ((1, losses, "loss", "magma"), (2, slopes, "|gradient|", "cividis")):
        top = max(image.quantile(0.995).item() for image in images)
        for panel, title, image in zip(axes[3 * row : 3 * row + 3], chosen, images, strict=True):
            drawn = panel.imshow(image.numpy(), cmap=cmap, vmin=0, vmax=top)
            panel.set_title(f"{kind} under {title}", loc="left", fontweight="bold")
        figure.colorbar(drawn, ax=axes[3 * row : 3 * row + 3], label=f"{kind} of a location", shrink=0.85)
    for panel in axes:
        panel.grid(visible=False)
        panel.set(xlabel="cell", ylabel="cell")
    caption = (
        f"{scene.origin[0].upper()}{scene.origin[1:]}, the Gaussian label, a half-learnt response, and what each "
        "loss sees; each row shares one scale, cut at its 99.5 % quantile. L2 spreads over background ripples; "
        "L3 and shrinkage darken the small ones. At the errors that remain large, shrinkage keeps L2's "
        "brightness, and L3 does not."
    )
    return Plot("figure-4", "Loss and gradient of each location", caption, figure)
