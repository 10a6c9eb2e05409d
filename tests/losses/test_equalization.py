"""EQL and SEQL against their formulas: what rare classes are spared."""

import numpy as np
import pytest
import torch

from losses import build_loss

NONE = {"reduction": "none"}
RARE = np.array([False, False, True, True])  # 10 and 2 of 1112, threshold 1 %


def test_eql(agrees, formulas, rows):
    logits, target, counts = rows
    y = np.eye(4)[target.numpy()]

    def oracle(x):
        return (1 - RARE * (1 - y)) * formulas.bce(x, y)

    loss = build_loss("eql", counts=counts, threshold=0.01, **NONE)
    agrees(loss, logits, target, oracle)
    mean = build_loss("eql", counts=counts, threshold=0.01)
    assert mean(logits, target).item() == pytest.approx(oracle(logits.numpy()).sum() / 8)
    one_hot = torch.from_numpy(y)
    torch.testing.assert_close(loss(logits, one_hot), loss(logits, target))


@pytest.mark.parametrize("background", [0, 4])
def test_background_rows_push_every_class_down(agrees, formulas, rows, background):
    logits, target, counts = rows
    target = torch.where(target == 0, background, target)
    y = np.eye(5)[target.numpy()][:, :4]
    foreground = (target.numpy() != background)[:, None]

    def oracle(x):
        return (1 - foreground * RARE * (1 - y)) * formulas.bce(x, y)

    loss = build_loss("eql", counts=counts, threshold=0.01, background_class=background, **NONE)
    agrees(loss, logits, target, oracle)
    agrees(loss, logits, torch.from_numpy(y), oracle)
    with pytest.raises(ValueError, match="at most K = 4, got 5"):
        build_loss("eql", counts=counts, background_class=5)


def test_seql(agrees, formulas, rows):
    logits, target, counts = rows
    y = np.eye(4)[target.numpy()]
    beta = torch.randint(2, (8, 4), generator=torch.Generator().manual_seed(3))
    weight = 1 - beta.numpy() * RARE * (1 - y)

    def z_y(x):
        return (x * y).sum(1)

    def oracle(x):
        return np.log((weight * np.exp(x)).sum(1)) - z_y(x)

    agrees(build_loss("seql", counts=counts, threshold=0.01, **NONE), logits, target, oracle, beta=beta)


def test_seql_over_the_locations_of_a_map(agrees, logits_and_labels):
    logits, _, density = logits_and_labels
    counts = torch.arange(1, 13).reshape(4, 3)
    q = density.numpy().reshape(2, -1)
    q = q / q.sum(1, keepdims=True)
    weight = 1 - (np.arange(1, 13) / 78 < 0.05) * (1 - q)

    def oracle(z):
        z = z.reshape(2, -1)
        return np.log((weight * np.exp(z)).sum(1)) - (q * z).sum(1)

    loss = build_loss("seql", counts=counts, threshold=0.05, gamma=1, setting="spatial", **NONE)
    agrees(loss, logits, density, oracle)


def test_dropped_classes_get_exactly_no_gradient(rows):
    logits, target, counts = rows
    logits = (100 * logits).float().requires_grad_()  # the textbook exponentials overflow here
    loss = build_loss("seql", counts=counts, threshold=0.01, gamma=1)(logits, target)
    loss.backward()
    spared = torch.from_numpy(RARE) & (torch.arange(4) != target[:, None])
    assert loss.isfinite()
    assert (logits.grad[spared] == 0).all()
    assert (logits.grad[target < 2, :2] != 0).any()


def test_identities(rows):
    logits, target, counts = rows
    ce = build_loss("ce", **NONE)(logits, target)
    for arguments in ({"gamma": 0}, {"threshold": 0}):
        torch.testing.assert_close(build_loss("seql", counts=counts, **arguments, **NONE)(logits, target), ce)
    evaluated = build_loss("seql", counts=counts, gamma=1, threshold=0.5, **NONE).eval()
    torch.testing.assert_close(evaluated(logits, target), ce)


def test_the_generator_makes_the_draws_repeatable(rows):
    logits, target, counts = rows

    def draw(seed):
        return build_loss(
            "seql", counts=counts, threshold=0.5, gamma=0.5, generator=torch.Generator().manual_seed(seed)
        )(logits, target)

    assert draw(0) == draw(0)
    assert len({draw(seed).item() for seed in range(5)}) > 1


def test_counts_of_other_classes_are_refused(rows):
    for name in ("eql", "seql", "cdt", "class-balanced", "influence-balanced"):
        given = {"features": torch.ones(8, 2)} if name == "influence-balanced" else {}
        with pytest.raises(ValueError, match="each of the 4 classes, got 3"):
            build_loss(name, counts=[3, 2, 1])(*rows[:2], **given)
