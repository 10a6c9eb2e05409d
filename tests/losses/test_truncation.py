"""Hard and soft truncation against their formulas, and what they become at their limits."""

import numpy as np
import pytest
import torch

from losses import build_loss

NONE = {"reduction": "none"}


@pytest.mark.parametrize("margin", [0.5, 0.8])
def test_hard_truncation(agrees, formulas, logits_and_labels, margin):
    logits, hard, soft = logits_and_labels

    def step(t):
        return np.heaviside(t, 0)

    for label in (hard, soft):
        y = label.numpy()

        def oracle(x, y=y):
            p = formulas.sigmoid(x)
            satisfied = step(y - margin) * step(p - margin) + step(1 - margin - y) * step(1 - margin - p)
            return (1 - satisfied) * formulas.bce(x, y)

        agrees(build_loss("hard-truncated", margin=margin, **NONE), logits, label, oracle)


def test_delta_form(agrees, formulas, logits_and_labels):
    logits, hard, soft = logits_and_labels
    y = soft.numpy()

    def oracle(x):
        return (np.abs(formulas.sigmoid(x) - y) >= 0.3) * formulas.bce(x, y)

    agrees(build_loss("hard-truncated", delta=0.3, **NONE), logits, soft, oracle)
    by_margin = build_loss("hard-truncated", margin=0.7, **NONE)(logits, hard)
    torch.testing.assert_close(build_loss("hard-truncated", delta=0.3, **NONE)(logits, hard), by_margin)


def test_a_skipped_batch_is_zero_not_nan():
    logits = torch.full((3,), 5.0, requires_grad=True)
    loss = build_loss("hard-truncated")(logits, torch.ones(3))
    loss.backward()
    assert loss == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize(("alpha", "margin", "gamma"), [(None, 0.5, 1), (0.25, 0.7, 0.5), (0.6, 0.5, 2)])
def test_soft_truncation_of_logits(agrees, formulas, logits_and_labels, alpha, margin, gamma):
    logits, hard, soft = logits_and_labels
    edge = np.log(margin / (1 - margin))
    positive, negative = (1, 1) if alpha is None else (alpha, 1 - alpha)
    arguments = {"k": 3, "gamma": gamma, "alpha": alpha, "margin": margin}
    for label in (hard, soft):
        y = label.numpy()

        def oracle(x, y=y):
            return y * positive * formulas.sigmoid(-3 * (x - edge)) ** gamma * formulas.softplus(-x) + (
                1 - y
            ) * negative * formulas.sigmoid(3 * (x + edge)) ** gamma * formulas.softplus(x)

        agrees(build_loss("soft-truncated", **arguments, **NONE), logits, label, oracle)


@pytest.mark.parametrize("subtract_entropy", [True, False])
def test_soft_truncation_of_probabilities(agrees, formulas, logits_and_labels, subtract_entropy):
    logits, _, soft = logits_and_labels
    y = soft.numpy()
    floor = formulas.entropy(y) if subtract_entropy else 0

    def oracle(x):
        error = np.abs(formulas.sigmoid(x) - y)
        return formulas.sigmoid(10 * (error - 0.2)) * (formulas.bce(x, y) - floor)

    loss = build_loss("soft-truncated", space="prob", subtract_entropy=subtract_entropy, **NONE)
    agrees(loss, logits, soft, oracle)
    if subtract_entropy:
        agrees(build_loss("shrinkage-bce", **NONE), logits, soft, oracle)
        torch.testing.assert_close(loss(torch.logit(soft), soft), torch.zeros_like(soft), atol=1e-15, rtol=0)


def test_identities(logits_and_labels):
    logits, hard, _ = logits_and_labels

    def soft_truncated(**given):
        return build_loss("soft-truncated", **given, **NONE)(logits, hard)

    for gamma in (0.5, 1, 2):
        focal = build_loss("focal", gamma=gamma, alpha=None, **NONE)(logits, hard)
        torch.testing.assert_close(soft_truncated(k=1, gamma=gamma), focal)
    torch.testing.assert_close(soft_truncated(gamma=0), build_loss("bce", **NONE)(logits, hard))
    assert (logits.abs() > 0.02).all()
    torch.testing.assert_close(
        soft_truncated(k=1000), build_loss("hard-truncated", **NONE)(logits, hard), atol=1e-6, rtol=0
    )


def test_the_modulation_is_the_quotient(logits_and_labels):
    logits, hard, soft = logits_and_labels
    for name, label, arguments in (
        ("soft-truncated", hard, {"alpha": 0.3}),
        ("soft-truncated", soft, {"space": "prob"}),
        ("hard-truncated", soft, {}),
        ("shrinkage-bce", soft, {}),
    ):
        loss = build_loss(name, **arguments, **NONE)
        product = loss.base_loss(logits, label) * loss.modulation(logits, label)
        torch.testing.assert_close(product, loss(logits, label))
