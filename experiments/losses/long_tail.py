"""Figure 8: what each loss for long-tailed classification changes."""

from typing import Any

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from torch import Tensor, nn

from experiments.drawing.figures import COLOURS, GREY, LINES, Plot, label, panels
from losses import Loss, build_loss
from losses.cdt import class_temperatures
from losses.class_balanced import class_balanced_weights
from losses.equalization import SEQL
from losses.influence import InfluenceBalanced, class_factors

CLASSES, LARGEST, SMALLEST = 20, 500, 5
COUNTS = torch.logspace(2.699, 0.699, CLASSES).round().long()
THRESHOLD = 0.02
DIMENSIONS = 32


def long_tail() -> Plot:
    """Draw figure 8: weights, spared gradients, temperatures and influences under a long tail."""
    figure, axes = panels(2, 3, 12.0, 7.2)
    _weights(axes[0])
    drawn = _seql_mask(axes[1])
    figure.colorbar(drawn, ax=axes[1], label="mean weight in the softmax", shrink=0.85)
    _gradient_ratio(axes[2])
    gaps = _deviation(axes[3])
    before, after = _influence(axes[4], axes[5])
    caption = (
        f"{CLASSES} classes of {LARGEST} to {SMALLEST} samples. Top left: class factors, each divided by its mean. "
        "All grow towards the tail; CB is flat where n is far above 1 / (1 - β). Middle: SEQL's softmax leaves a "
        f"rare class (row numbers are those of the sample's own class) out of nine in ten others' samples. Right: "
        "the positive over the negative gradient that a class's logit gets in one pass from zero weights; under CE the "
        "tail is pushed down far more than up, SEQL relieves its rare classes. Bottom left: mean logit of the true "
        "class, the training samples' and fresh samples', of a linear classifier on Gaussian classes. In the "
        f"tail the two part under CE by {gaps['ce']:.1f} on average over the rarest five; with CDT the gap is "
        f"{gaps['cdt']:.1f}, not smaller; but CDT's tail logits are larger by more, and on fresh samples reach "
        "those of the head. Last two: a toy of two classes (60 against 6), a "
        f"point's area its weight 1 / influence, and the boundary. CE alone gets {before:.0%} of fresh rare samples "
        f"right, after a second phase with influence-balanced weights it is {after:.0%}."
    )
    return Plot("figure-8", "Losses for a long tail of classes", caption, figure)


def _weights(axes: Axes) -> None:
    for line, beta in zip(LINES, (0.9, 0.99, 0.999), strict=False):
        weight = class_balanced_weights(COUNTS, beta)
        style: dict[str, Any] = {
            "linestyle": line,
            "color": COLOURS["class-balanced"],
            "label": f"CB β = {beta}",
        }
        axes.plot(COUNTS, weight / weight.mean(), **style)
    temperature = class_temperatures(COUNTS, 0.2)
    factor = class_factors(COUNTS)
    axes.plot(COUNTS, temperature / temperature.mean(), color=COLOURS["cdt"], label="CDT a, γ = 0.2")
    axes.plot(COUNTS, factor / factor.mean(), "--", color=COLOURS["influence-balanced"], label="IB λ")
    axes.set(xscale="log", yscale="log")
    label(axes, "samples n of the class", "factor / mean factor", "class factors")
    axes.legend(loc="lower left")


def _seql_mask(axes: Axes) -> AxesImage:
    loss = SEQL(COUNTS, THRESHOLD, generator=torch.Generator().manual_seed(0))
    target = torch.eye(CLASSES)
    draws = [loss.weights(torch.zeros(CLASSES, CLASSES), target) for _ in range(200)]
    drawn = axes.imshow(torch.stack(draws).mean(0).numpy(), cmap="cividis", vmin=0, vmax=1)
    axes.grid(visible=False)
    axes.set(xticks=range(0, CLASSES, 5), yticks=range(0, CLASSES, 5))
    label(axes, "class k, from many to few samples", "class of the sample", f"SEQL, threshold {THRESHOLD}")
    return drawn


def _samples(counts: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Draw samples of Gaussian classes around fixed means: features ``(N, D)`` and classes ``(N,)``."""
    means = 0.45 * torch.randn(len(counts), DIMENSIONS, generator=torch.Generator().manual_seed(1))
    classes = torch.arange(len(counts)).repeat_interleave(counts)
    noise = torch.randn(len(classes), DIMENSIONS, generator=torch.Generator().manual_seed(seed))
    return means[classes] + noise, classes


def gradients(name: str, arguments: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Return the positive and negative gradient on each class's logit, summed over one pass of all samples.

    All logits are 0, as before training. The positive gradient comes from a class's own samples, the negative
    one from the samples of the others.

    Returns:
        Two float32 ``(K,)``, both non-negative.
    """
    torch.manual_seed(0)  # SEQL draws
    classes = torch.arange(CLASSES).repeat_interleave(COUNTS)
    own = F.one_hot(classes, CLASSES).bool()
    logits = torch.zeros(len(classes), CLASSES, requires_grad=True)
    (slope,) = torch.autograd.grad(build_loss(name, reduction="sum", **arguments)(logits, classes), logits)
    return (slope.abs() * own).sum(0), (slope.abs() * ~own).sum(0)


def _gradient_ratio(axes: Axes) -> None:
    for name, arguments in (("ce", {}), ("seql", {"counts": COUNTS, "threshold": THRESHOLD})):
        positive, negative = gradients(name, arguments)
        axes.plot(COUNTS, positive / negative, ".-", color=COLOURS[name], label=name.upper())
    edge = THRESHOLD * COUNTS.sum().item()
    axes.axvline(edge, color=GREY, linewidth=0.8, linestyle=":", label="rare below")
    axes.set(xscale="log", yscale="log")
    label(axes, "samples n of the class", "positive / negative gradient", "gradients on a logit")
    axes.legend(loc="upper left")


def _fit(loss: Loss, features: Tensor, classes: Tensor, steps: int = 300) -> nn.Linear:
    model = nn.Linear(DIMENSIONS, CLASSES)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model(features), classes).backward()
        optimizer.step()
    return model


def _deviation(axes: Axes) -> dict[str, float]:
    train, test = _samples(COUNTS, seed=2), _samples(torch.full_like(COUNTS, 100), seed=3)
    gaps = {}
    for name, arguments in (("ce", {}), ("cdt", {"counts": COUNTS, "gamma": 0.2})):
        model = _fit(build_loss(name, **arguments), *train)
        means = []
        for (features, classes), line, when in ((train, "-", "train"), (test, "--", "test")):
            with torch.no_grad():
                own = model(features).gather(1, classes[:, None]).squeeze(1)
            means.append(torch.stack([own[classes == k].mean() for k in range(CLASSES)]))
            axes.plot(COUNTS, means[-1], line, color=COLOURS[name], label=f"{name.upper()}, {when}")
        gaps[name] = (means[0] - means[1])[-5:].mean().item()
    axes.set_xscale("log")
    label(axes, "samples n of the class", "mean logit of the true class", "train against test")
    axes.legend(loc="best")
    return gaps


def _moons(counts: tuple[int, int], seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    classes = torch.arange(2).repeat_interleave(torch.tensor(counts))
    angle = torch.pi * torch.rand(len(classes), generator=generator)
    upper = torch.stack([angle.cos(), angle.sin()], 1)
    points = torch.where(classes[:, None] == 0, upper, torch.tensor([1.0, 0.4]) - upper)
    return points + 0.2 * torch.randn(points.shape, generator=generator), classes


def _influence(before: Axes, after: Axes) -> tuple[float, float]:
    counts = (60, 6)
    points, classes = _moons(counts, seed=0)
    fresh, fresh_classes = _moons((300, 300), seed=1)
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh())
    head = nn.Linear(32, 2)
    loss = InfluenceBalanced(counts, alpha=1.0, start_epoch=1, detach_weight=True)
    optimizer = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=3e-3)
    recalls = []
    for phase, axes in enumerate((before, after)):
        loss.set_epoch(phase)
        for _ in range(300):
            hidden = body(points)
            optimizer.zero_grad()
            loss(head(hidden), classes, features=hidden.detach()).backward()
            optimizer.step()
        with torch.no_grad():
            loss.set_epoch(1)
            hidden = body(points)
            weight = loss.modulation(head(hidden), classes, hidden)
            right = head(body(fresh)).argmax(1) == fresh_classes
            recalls.append(right[fresh_classes == 1].float().mean().item())
            _boundary(axes, nn.Sequential(body, head), points, classes, weight)
        label(axes, "feature 1", "feature 2", ("after CE", "after influence-balanced")[phase])
    before.legend(loc="lower left")
    return recalls[0], recalls[1]


def _boundary(axes: Axes, model: nn.Module, points: Tensor, classes: Tensor, weight: Tensor) -> None:
    x, y = torch.meshgrid(torch.linspace(-1.8, 2.8, 120), torch.linspace(-1.3, 1.8, 100), indexing="xy")
    grid = model(torch.stack([x, y], -1).reshape(-1, 2)).diff(dim=1).reshape(x.shape)
    axes.contourf(x, y, grid, levels=[-1e9, 0, 1e9], colors=["#EEEEEE", "#FBE3D2"])
    size = 8 + 120 * (weight / weight.max()).sqrt()
    for k, (colour, title) in enumerate(((GREY, "60 samples"), (COLOURS["influence-balanced"], "6 samples"))):
        at = classes == k
        x, y = points[at].T
        axes.scatter(
            x, y, s=size[at], color=colour, alpha=0.7, edgecolors="white", linewidths=0.5, label=title
        )
