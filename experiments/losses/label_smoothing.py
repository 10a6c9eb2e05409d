"""Figure 11: over-confidence with and without label smoothing."""

import math
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from experiments.drawing.figures import COLOURS, GREY, Plot, label, panels
from losses import Loss, build_loss

CLASSES, DIMENSIONS, SPREAD = 10, 20, 0.55
EPSILON, STEPS, TRAIN, TEST = 0.1, 400, 15, 100
"""Smoothing, training steps, and samples of each class to train and to test on."""

CRITERIA = {"ce": ("hard labels", COLOURS["ce"]), "label-smoothing": (f"ε = {EPSILON:g}", COLOURS["cdt"])}


@dataclass(frozen=True)
class Fit:
    """A classifier's training and its predictions of fresh samples.

    Attributes:
        gaps: for each step, the true class's mean logit less the others', on the training samples.
        confidence: largest probability of each fresh sample, float32 ``(N,)`` in [0, 1].
        right: whether the most probable class is the true one, bool ``(N,)``.
    """

    gaps: list[float]
    confidence: Tensor
    right: Tensor

    def over_confidence(self) -> float:
        """Mean confidence less the share of samples that are right."""
        return (self.confidence.mean() - self.right.float().mean()).item()


def best_gap(classes: int, epsilon: float) -> float:
    """Return the gap between the true logit and the others at which the smoothed loss is least.

    There softmax equals the smoothed label: log((1 - ε + ε/K) / (ε/K)).
    """
    return math.log((1 - epsilon + epsilon / classes) / (epsilon / classes))


def gap_loss(name: str, gaps: Tensor) -> Tensor:
    """Return the loss of one sample of class 0 whose logit is ``gaps`` ``(N,)`` and whose other logits are 0."""
    logits = torch.zeros(len(gaps), CLASSES, dtype=gaps.dtype)
    logits[:, 0] = gaps
    return _criterion(name, "none")(logits, torch.zeros(len(gaps), dtype=torch.long))


def _criterion(name: str, reduction: str = "mean") -> Loss:
    arguments = {"epsilon": EPSILON} if name == "label-smoothing" else {}
    return build_loss(name, reduction=reduction, **arguments)


def fit(name: str) -> Fit:
    """Train a small network on overlapping Gaussian classes, more weights than samples; the seed is fixed."""
    torch.manual_seed(0)
    means = SPREAD * torch.randn(CLASSES, DIMENSIONS)
    sets = []
    for size in (TRAIN, TEST):
        classes = torch.arange(CLASSES).repeat_interleave(size)
        sets.append((means[classes] + torch.randn(len(classes), DIMENSIONS), classes))
    (samples, classes), (fresh, fresh_classes) = sets
    model = nn.Sequential(nn.Linear(DIMENSIONS, 64), nn.ReLU(), nn.Linear(64, CLASSES))
    loss = _criterion(name)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    own = nn.functional.one_hot(classes, CLASSES).bool()
    gaps = []
    for _ in range(STEPS):
        logits = model(samples)
        gaps.append((logits[own].mean() - logits[~own].mean()).item())
        optimiser.zero_grad()
        loss(logits, classes).backward()
        optimiser.step()
    with torch.no_grad():
        confidence, chosen = model(fresh).softmax(1).max(1)
    return Fit(gaps, confidence, chosen == fresh_classes)


def over_confidence() -> Plot:
    """Draw figure 11: the loss over the logit gap, the gap in training, and confidence against accuracy."""
    figure, (losses, courses, reliability) = panels(1, 3, 11.5, 3.9)
    gaps = torch.linspace(0, 12, 601, dtype=torch.float64)
    best = best_gap(CLASSES, EPSILON)
    fits = {name: fit(name) for name in CRITERIA}
    for name, (title, colour) in CRITERIA.items():
        losses.plot(gaps, gap_loss(name, gaps), color=colour, label=title)
        courses.plot(fits[name].gaps, color=colour, label=title)
        _reliability(reliability, fits[name], title, colour)
    for panel, draw in ((losses, losses.axvline), (courses, courses.axhline)):
        draw(best, color=GREY, linewidth=0.8, linestyle=":", label=f"{best:.2f}")
        panel.legend(loc="best")
    reliability.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    reliability.set_aspect("equal")
    reliability.legend(loc="upper left")
    label(losses, "logit of the true class less the others'", "loss (nats)", f"loss, {CLASSES} classes")
    label(courses, "training step", "mean logit gap of training samples", "what training does to the gap")
    label(reliability, "confidence", "share that is right", "fresh samples, by confidence")
    hard, smooth = fits["ce"], fits["label-smoothing"]
    caption = (
        f"Left: with hard labels the loss falls for ever as the true logit grows; with ε = {EPSILON:g} it is least at "
        f"a gap of {best:.2f}, where the true class has the probability {1 - EPSILON + EPSILON / CLASSES:.2f}. Middle: "
        f"a network with more weights than its {TRAIN * CLASSES} training samples follows: after {STEPS} steps the gap "
        f"is {hard.gaps[-1]:.1f} and {smooth.gaps[-1]:.1f}. Right: on fresh samples the mean confidence is "
        f"{hard.confidence.mean():.2f} with hard labels, and {hard.right.float().mean():.2f} of the samples are right: "
        f"over-confident by {hard.over_confidence():.2f}. With smoothing it is {smooth.confidence.mean():.2f} and "
        f"{smooth.right.float().mean():.2f}, a difference of {smooth.over_confidence():+.2f}. On the dotted diagonal "
        "confidence and accuracy agree; a mark's area is the share of samples."
    )
    return Plot("figure-11", "Over-confidence and label smoothing", caption, figure)


def _reliability(axes: Axes, found: Fit, title: str, colour: str) -> None:
    """Mark the accuracy of the samples in each tenth of confidence."""
    tenth = (10 * found.confidence).long().clamp_max(9)
    filled = [k for k in range(10) if (tenth == k).any()]
    places = [found.confidence[tenth == k].mean().item() for k in filled]
    accuracy = [found.right[tenth == k].float().mean().item() for k in filled]
    area = [400 * (tenth == k).float().mean().item() for k in filled]
    axes.plot(places, accuracy, color=colour, linewidth=1, label=title)
    axes.scatter(places, accuracy, s=area, color=colour, alpha=0.7)
    axes.set(xlim=(0, 1.05), ylim=(0, 1.05))
