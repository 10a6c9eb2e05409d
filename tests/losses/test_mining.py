"""Hard-negative mining and the hinge against their formulas."""

import numpy as np
import torch

from losses import build_loss


def GENERATOR():
    return torch.Generator().manual_seed(0)


def maps():
    generator = GENERATOR()
    label = torch.rand(2, 1, 4, 3, generator=generator, dtype=torch.float64) ** 3
    return label + 0.5 * torch.randn(label.shape, generator=generator, dtype=torch.float64), label


def test_ohnm_drops_small_squared_errors(agrees):
    response, label = maps()
    y = label.numpy()

    def oracle(p):
        return (p - y) ** 2 * ((p - y) ** 2 >= 0.04)

    agrees(build_loss("ohnm-l2", threshold=0.04, reduction="none"), response, label, oracle)
    kept = build_loss("ohnm-l2", threshold=0.04)(response, label)
    assert kept.item() == np.mean(oracle(response.numpy()))
    assert build_loss("ohnm-l2", threshold=0)(response, label) == build_loss("l2")(response, label)


def test_lbhinge_forgives_negative_background(agrees):
    response, label = maps()
    y = label.numpy()
    background = y < 0.1

    def oracle(p):
        return (np.where(background, np.maximum(p, 0), p) - np.where(background, 0, y)) ** 2

    agrees(build_loss("lbhinge", threshold=0.1, reduction="none"), response, label, oracle)
    assert build_loss("lbhinge", threshold=0)(response, label) == build_loss("l2")(response, label)
