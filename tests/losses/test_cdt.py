"""Class-dependent temperatures against their formula."""

import numpy as np
import torch

from losses import build_loss

NONE = {"reduction": "none"}


def test_classes(agrees, formulas, rows):
    logits, target, counts = rows
    a = (1000 / np.array(counts)) ** 0.3
    agrees(
        build_loss("cdt", counts=counts, gamma=0.3, **NONE),
        logits,
        target,
        lambda x: formulas.ce(x / a, target.numpy()),
        gradient=lambda x: (np.exp(formulas.log_softmax(x / a)) - np.eye(4)[target.numpy()]) / a,
    )


def test_locations(agrees, formulas, logits_and_labels):
    logits, _, density = logits_and_labels
    counts = np.arange(1, 13)
    a = (12 / counts) ** 0.2
    q = density.numpy().reshape(2, -1)
    q = q / q.sum(1, keepdims=True)

    def oracle(z):
        return -(q * formulas.log_softmax(z.reshape(2, -1) / a)).sum(1)

    agrees(build_loss("cdt", counts=counts.tolist(), setting="spatial", **NONE), logits, density, oracle)


def test_no_strength_is_ce_and_temperatures_move_the_winner(rows):
    logits, target, counts = rows
    plain = build_loss("cdt", counts=counts, gamma=0)(logits, target)
    torch.testing.assert_close(plain, build_loss("ce")(logits, target))
    temperatures = build_loss("cdt", counts=[100, 1], gamma=0.5).temperatures()
    z = torch.tensor([3.0, 10.0])
    assert z.argmax() == 1
    assert (z / temperatures).argmax() == 0
