"""The numbers of the figures against closed forms and plain floating-point arithmetic."""

import math

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from experiments.losses import equalization, information, label_smoothing
from experiments.losses.curves import EASY, HARD, regression_curves
from experiments.losses.ghm import BINS, _total_gradient
from experiments.losses.long_tail import CLASSES, COUNTS, THRESHOLD
from losses.ghm import GHMC


def test_entropy_cross_entropy_and_divergence_in_bits():
    p, q = (torch.tensor(values, dtype=torch.float64) for values in (information.TRUE, information.CODED))
    expected = {"entropy": 1.75, "cross entropy": 2.0, "divergence": 0.25}
    assert information.bits(p, q) == pytest.approx(expected, abs=1e-12)
    assert "1.75 bits" in information.information().caption


def test_the_ratios_of_l2_and_l3():
    plot = regression_curves()
    bars = [bar.get_height() for bar in plot.figure.axes[2].patches]
    shrunk = [x * x / (1 + math.exp(10 * (0.2 - x))) for x in (EASY, HARD)]
    ratios = [(HARD / EASY) ** 2, (HARD / EASY) ** 3, shrunk[1] / shrunk[0]]
    assert bars == pytest.approx(ratios, rel=1e-6)
    assert [round(ratio, 1) for ratio in bars] == [7.1, 19.0, 9.7]


@pytest.mark.parametrize("squared", [False, True])
def test_the_course_of_the_slow_gradient(squared):
    x, path = 4.0, [4.0]
    for _ in range(300):
        p = 1 / (1 + math.exp(-x))
        x -= 0.5 * (p * p * (1 - p) if squared else p)
        path.append(x)
    np.testing.assert_allclose(information.descend(squared), path, rtol=1e-9)
    first = next(step for step, value in enumerate(path) if value <= 0)
    assert f"p ≤ 0.5 after {first}" in str(_legend(information.slow_gradient().figure, 2))


def _legend(figure: Figure, panel: int) -> list[str]:
    return [text.get_text() for text in figure.axes[panel].get_legend().get_texts()]


def test_the_smoothed_loss_is_least_where_the_closed_form_says():
    best = label_smoothing.best_gap(10, 0.1)
    assert best == pytest.approx(math.log(91))
    gaps = torch.linspace(0, 12, 120_001, dtype=torch.float64)
    assert gaps[label_smoothing.gap_loss("label-smoothing", gaps).argmin()].item() == pytest.approx(
        best, abs=2e-4
    )
    assert (label_smoothing.gap_loss("ce", gaps).diff() < 0).all()
    expected = torch.log1p(9 * torch.exp(-gaps))
    torch.testing.assert_close(label_smoothing.gap_loss("ce", gaps), expected)


def test_smoothing_holds_the_gap_and_the_confidence():
    torch.set_num_threads(1)
    hard, smooth = label_smoothing.fit("ce"), label_smoothing.fit("label-smoothing")
    assert smooth.gaps[-1] == pytest.approx(math.log(91), abs=0.1)  # trained to its minimum
    assert hard.gaps[-1] > 2 * smooth.gaps[-1]
    assert hard.over_confidence() > 3 * abs(smooth.over_confidence())
    hits = int(hard.right.sum())
    assert hard.over_confidence() == pytest.approx(
        float(hard.confidence.mean()) - hits / len(hard.right), abs=1e-5
    )


def test_gradients_of_head_and_tail():
    n, total = COUNTS.double(), COUNTS.sum().item()
    rare = n / total < THRESHOLD
    frequent = int((~rare).sum())

    positive, negative = equalization.gradients("ce", {})
    torch.testing.assert_close(positive.double(), n * (1 - 1 / CLASSES), rtol=1e-4, atol=0)
    torch.testing.assert_close(negative.double(), (total - n) / CLASSES, rtol=1e-4, atol=0)

    limited = equalization.LIMITED
    positive, negative = equalization.gradients("eql", limited)
    torch.testing.assert_close(positive.double(), n / 2, rtol=1e-4, atol=0)
    torch.testing.assert_close(negative.double(), (total - n) / 2 * ~rare, rtol=1e-4, atol=0)

    positive, negative = equalization.gradients("seql", limited | {"gamma": 1.0})
    terms = frequent + rare.double()  # of the softmax of a sample of each class: its own rare class is kept
    torch.testing.assert_close(positive.double(), n * (1 - 1 / terms), rtol=1e-4, atol=0)
    pushes = (n / terms).sum() - n / terms
    torch.testing.assert_close(negative.double(), pushes * ~rare, rtol=1e-4, atol=0)

    _, spared = equalization.gradients("seql", limited)  # nine in ten are dropped
    _, plain = equalization.gradients("ce", {})
    kept = (spared[rare] / plain[rare]).mean().item()
    assert kept == pytest.approx(0.1 * CLASSES / (frequent + 0.1 * int(rare.sum())), rel=0.1)


def test_a_bin_holds_its_share_of_the_gradient():
    """Nine samples of norm .05 and one of .55: GHM weighs both bins alike, so that .05 has 1/12 of the sum."""
    norms = torch.tensor([0.05] * 9 + [0.55], dtype=torch.float64)
    axes = Figure().subplots()
    before, after = _total_gradient(axes, norms.logit().float(), torch.zeros(10), GHMC(BINS))
    assert before == pytest.approx(0.45 / 1.0, abs=1e-6)
    assert after == pytest.approx(0.05 / 0.60, abs=1e-6)
