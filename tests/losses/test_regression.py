"""L2, L3 and focal regression against their formulas."""

import numpy as np
import pytest
import torch

from losses import build_loss


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(0)
    label = torch.rand(2, 1, 5, 4, generator=generator, dtype=torch.float64)
    return torch.randn(label.shape, generator=generator, dtype=torch.float64).requires_grad_(), label


@pytest.mark.parametrize("gamma", [0, 0.3, 1, 2.5])
def test_value_and_gradient(maps, gamma):
    response, label = maps
    loss = build_loss("focal-regression", gamma=gamma, reduction="none")(response, label)
    (gradient,) = torch.autograd.grad(loss.sum(), response)
    difference = (response - label).detach().numpy()
    error = np.abs(difference)
    np.testing.assert_allclose(loss.detach(), error ** (2 + gamma), rtol=1e-12)
    np.testing.assert_allclose(gradient, (2 + gamma) * error ** (1 + gamma) * np.sign(difference), rtol=1e-12)


def test_identities(maps):
    response, label = maps
    error = (response - label).abs()
    l2, l3 = (build_loss(name, reduction="none")(response, label) for name in ("l2", "l3"))
    torch.testing.assert_close(l3, error * l2)
    torch.testing.assert_close(build_loss("focal-regression", gamma=0)(response, label), l2.mean())
    torch.testing.assert_close(build_loss("focal-regression")(response, label), l3.mean())
    torch.testing.assert_close(
        build_loss("l2")(response, label), torch.nn.functional.mse_loss(response, label)
    )


@pytest.mark.parametrize("name", ["l2", "l3", "focal-regression", "shrinkage", "ghm-r"])
def test_a_perfect_response_costs_nothing(maps, name):
    _, label = maps
    response = label.clone().requires_grad_()
    loss = build_loss(name)(response, label)
    (gradient,) = torch.autograd.grad(loss, response)
    assert loss == 0
    assert (gradient == 0).all()


def test_small_gamma_has_no_nan_at_zero():
    response = torch.zeros(3, requires_grad=True)
    loss = build_loss("focal-regression", gamma=0.5)(response, torch.zeros(3))
    (gradient,) = torch.autograd.grad(loss, response)
    assert (gradient == 0).all()
