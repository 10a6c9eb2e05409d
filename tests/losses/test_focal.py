"""Focal, quality focal and Gaussian focal against their formulas; where their minima are."""

import numpy as np
import pytest
import torch

from losses import build_loss

NONE = {"reduction": "none"}


@pytest.mark.parametrize("alpha", [None, 0.25])
@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2, 5])
def test_focal_of_hard_labels(agrees, formulas, logits_and_labels, gamma, alpha):
    logits, label, _ = logits_and_labels
    y = label.numpy()
    weight = 1 if alpha is None else np.where(y == 1, alpha, 1 - alpha)
    sign = 2 * y - 1

    def oracle(x):
        p = formulas.sigmoid(sign * x)
        return -weight * (1 - p) ** gamma * np.log(p)

    def gradient(x):
        p = formulas.sigmoid(sign * x)
        return weight * sign * (1 - p) ** gamma * (gamma * p * np.log(p) + p - 1)

    agrees(build_loss("focal", gamma=gamma, alpha=alpha, **NONE), logits, label, oracle, gradient)


def test_focal_of_soft_labels_mixes_both_sides(agrees, formulas, logits_and_labels):
    logits, _, soft = logits_and_labels
    y = soft.numpy()

    def oracle(x):
        p = formulas.sigmoid(x)
        wrong = 1 - (p * y + (1 - p) * (1 - y))
        return (0.3 * y + 0.7 * (1 - y)) * wrong**1.5 * formulas.bce(x, y)

    agrees(build_loss("focal", gamma=1.5, alpha=0.3, **NONE), logits, soft, oracle)


@pytest.mark.parametrize("gamma", [0, 0.5, 2])
def test_focal_of_a_softmax(agrees, formulas, rows, gamma):
    logits, target, _ = rows

    def oracle(x):
        ce = formulas.ce(x, target.numpy())
        return (1 - np.exp(-ce)) ** gamma * ce

    loss = build_loss("focal", gamma=gamma, setting="class", **NONE)
    agrees(loss, logits, target, oracle)
    one_hot = torch.nn.functional.one_hot(target, 4).double()
    torch.testing.assert_close(loss(logits, one_hot), loss(logits, target))


def test_softmax_focal_at_saturation():
    logits = torch.tensor([[1000.0, 0], [0, 1000.0], [60.0, 0]], requires_grad=True)
    for target in (torch.zeros(3, dtype=torch.long), torch.tensor([[1.0, 0]] * 3)):
        loss = build_loss("focal", gamma=0.5, setting="class")(logits, target)
        (gradient,) = torch.autograd.grad(loss, logits)
        assert loss.item() == pytest.approx(1000 / 3)
        assert gradient.isfinite().all()


def test_num_pos_divides_by_the_positives(logits_and_labels):
    logits, label, _ = logits_and_labels
    loss = build_loss("focal", normalizer="num_pos")
    total = build_loss("focal", reduction="sum")(logits, label)
    torch.testing.assert_close(loss(logits, label), total / label.sum())
    absent = torch.zeros_like(label)
    torch.testing.assert_close(loss(logits, absent), build_loss("focal", reduction="sum")(logits, absent))
    mask = torch.zeros_like(label)
    mask[0] = 1
    kept = build_loss("focal", reduction="sum")(logits[:1], label[:1])
    torch.testing.assert_close(loss(logits, label, mask=mask), kept / label[0].sum())


@pytest.mark.parametrize("beta", [1, 2, 3.5])
def test_quality_focal(agrees, formulas, logits_and_labels, beta):
    logits, hard, soft = logits_and_labels
    for label in (hard, soft):
        y = label.numpy()

        def oracle(x, y=y):
            return np.abs(formulas.sigmoid(x) - y) ** beta * formulas.bce(x, y)

        agrees(build_loss("quality-focal", beta=beta, **NONE), logits, label, oracle)


def test_identities(logits_and_labels):
    logits, hard, _ = logits_and_labels

    def build(name, **given):
        return build_loss(name, **given, **NONE)(logits, hard)

    torch.testing.assert_close(build("focal", gamma=0, alpha=None), build("bce"))
    torch.testing.assert_close(build("quality-focal"), build("focal", alpha=None))


def test_a_perfect_prediction_costs_nothing(logits_and_labels):
    _, _, soft = logits_and_labels
    logits = torch.logit(soft).requires_grad_()
    loss = build_loss("quality-focal", **NONE)(logits, soft)
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    torch.testing.assert_close(loss, torch.zeros_like(soft), atol=1e-30, rtol=0)
    torch.testing.assert_close(gradient, torch.zeros_like(soft), atol=1e-14, rtol=0)


def test_gaussian_focal(agrees, formulas, logits_and_labels):
    logits, _, label = logits_and_labels
    label[0, 0, 1, 1] = label[1, 0, 2, 0] = label[1, 0, 0, 0] = 1
    y = label.numpy()

    def oracle(x):
        p = formulas.sigmoid(x)
        negative = -((1 - y) ** 4) * p**2 * np.log(1 - p)
        return np.where(y == 1, -((1 - p) ** 2) * np.log(p), negative)

    agrees(build_loss("gaussian-focal", **NONE), logits, label, oracle)
    mean = build_loss("gaussian-focal")
    torch.testing.assert_close(mean(logits, label).item(), oracle(logits.numpy()).sum() / 3)
    assert mean(logits, label * 0.9).isfinite()  # no peak at all: divided by 1


def minimiser(name, y, **arguments):
    """Probability in a fine grid at which a loss of label y is least."""
    p = torch.linspace(1e-4, 1 - 1e-4, 9999, dtype=torch.float64)
    loss = build_loss(name, **arguments, **NONE)(torch.logit(p), torch.full_like(p, y))
    return p[loss.argmin()].item()


@pytest.mark.parametrize(
    ("y", "focal"), [(0.05, 0.005), (0.1, 0.014), (0.3, 0.122), (0.7, 0.878), (0.9, 0.986)]
)
def test_minimum_for_a_soft_label(y, focal):
    """Focal is not least at p = y; quality focal, BCE and shrinkage BCE are."""
    assert minimiser("focal", y, alpha=None) == pytest.approx(focal, abs=1e-3)
    for name in ("quality-focal", "bce", "shrinkage-bce"):
        assert minimiser(name, y) == pytest.approx(y, abs=2e-4)


def test_soft_truncation_of_logits_is_not_least_at_a_soft_label():
    assert minimiser("soft-truncated", 0.1, k=5) == pytest.approx(0.34, abs=0.01)
