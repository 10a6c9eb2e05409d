"""Label smoothing against its formula, torch's own, and its decomposition."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from losses import build_loss

NONE = {"reduction": "none"}


def test_classes(agrees, formulas, rows):
    logits, target, _ = rows
    smoothed = 0.8 * np.eye(4)[target.numpy()] + 0.2 / 4

    def oracle(x):
        return -(smoothed * formulas.log_softmax(x)).sum(1)

    agrees(build_loss("label-smoothing", epsilon=0.2, **NONE), logits, target, oracle)
    ours = build_loss("label-smoothing", epsilon=0.2)(logits, target)
    torch.testing.assert_close(ours, F.cross_entropy(logits, target, label_smoothing=0.2))


def test_prior_and_decomposition(agrees, formulas, rows):
    logits, target, counts = rows
    mu = np.array(counts) / sum(counts)

    def to_prior(x):
        return -(mu * formulas.log_softmax(x)).sum(1)

    def oracle(x):
        return 0.9 * formulas.ce(x, target.numpy()) + 0.1 * to_prior(x)

    agrees(build_loss("label-smoothing", prior=counts, **NONE), logits, target, oracle)


def test_maps(agrees, formulas, logits_and_labels):
    logits, hard, soft = logits_and_labels
    y = 0.9 * hard.numpy() + 0.05
    agrees(
        build_loss("label-smoothing", setting="binary", **NONE), logits, hard, lambda x: formulas.bce(x, y)
    )
    y2 = 0.9 * hard.numpy() + 0.1 * 0.2
    loss = build_loss("label-smoothing", setting="binary", prior=0.2, **NONE)
    agrees(loss, logits, hard, lambda x: formulas.bce(x, y2))
    q = soft.numpy().reshape(2, -1)
    q = 0.9 * q / q.sum(1, keepdims=True) + 0.1 / 12

    def oracle(z):
        return -(q * formulas.log_softmax(z.reshape(2, -1))).sum(1)

    agrees(build_loss("label-smoothing", setting="spatial", **NONE), logits, soft, oracle)


def test_no_smoothing_is_the_plain_loss(rows, logits_and_labels):
    logits, target, _ = rows
    plain = build_loss("label-smoothing", epsilon=0, **NONE)
    torch.testing.assert_close(plain(logits, target), build_loss("ce", **NONE)(logits, target))
    logits, hard, _ = logits_and_labels
    plain = build_loss("label-smoothing", epsilon=0, setting="binary")
    torch.testing.assert_close(plain(logits, hard), build_loss("bce")(logits, hard))


@pytest.mark.parametrize(
    "arguments",
    [{"epsilon": 1}, {"prior": [1, -1]}, {"prior": [0, 0]}, {"prior": 2, "setting": "binary"}],
)
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match="got"):
        build_loss("label-smoothing", **arguments)


def test_prior_of_other_classes_is_refused(rows):
    with pytest.raises(ValueError, match="prior must hold 4 weights"):
        build_loss("label-smoothing", prior=[1, 2, 3])(*rows[:2])
