"""Class-balanced weights and losses against their formulas."""

import numpy as np
import pytest
import torch

from losses import build_loss
from losses.class_balanced import class_balanced_weights, effective_number

NONE = {"reduction": "none"}


def weights(counts, beta):
    inverse = np.array([(1 - beta) / (1 - beta**n) for n in counts])
    return inverse / inverse.sum() * len(counts)


@pytest.mark.parametrize("beta", [0, 0.9, 0.999, 0.9999])
def test_weights(rows, beta):
    _, _, counts = rows
    ours = class_balanced_weights(torch.tensor(counts), beta)
    np.testing.assert_allclose(ours, weights(counts, beta), rtol=1e-9)
    assert ours.sum().item() == pytest.approx(4)


def test_limits_of_the_effective_number():
    counts = torch.tensor([1, 10, 1000])
    assert effective_number(counts, 0).tolist() == [1, 1, 1]
    torch.testing.assert_close(effective_number(counts, 1 - 1e-12), counts.double(), rtol=1e-3, atol=0)


@pytest.mark.parametrize("base", ["softmax", "sigmoid", "focal"])
def test_losses(agrees, formulas, rows, base):
    logits, target, counts = rows
    w = weights(counts, 0.99)[target.numpy()]
    y = np.eye(4)[target.numpy()]

    def oracle(x):
        if base == "softmax":
            return w * formulas.ce(x, target.numpy())
        wrong = np.abs(formulas.sigmoid(x) - y) ** 1.5 if base == "focal" else 1
        return w[:, None] * wrong * formulas.bce(x, y)

    arguments = {"counts": counts, "beta": 0.99, "base": base, "gamma": 1.5}
    agrees(build_loss("class-balanced", **arguments, **NONE), logits, target, oracle)
    mean = build_loss("class-balanced", **arguments)(logits, target)
    assert mean.item() == pytest.approx(oracle(logits.numpy()).sum() / 8)
    one_hot = build_loss("class-balanced", **arguments)(logits, torch.from_numpy(y))
    torch.testing.assert_close(one_hot, mean)


def test_beta_zero_is_ce(rows):
    logits, target, counts = rows
    balanced = build_loss("class-balanced", counts=counts, beta=0)(logits, target)
    torch.testing.assert_close(balanced, build_loss("ce")(logits, target))
