"""Shrinkage against its formula, the paper's values and its limits."""

import numpy as np
import pytest
import torch

from losses import build_loss
from losses.shrinkage import shrinkage_importance, shrinkage_loss, shrinkage_modulation

# l, L2, L3, shrinkage, its derivative, its modulation; a = 10, c = .2, no importance.
TABLE = [
    (0.00, 0, 0, 0, 0, 0.1192),
    (0.01, 1e-4, 1e-6, 1.3e-5, 0.00272, 0.1301),
    (0.05, 0.0025, 1.3e-4, 4.56e-4, 0.02197, 0.1824),
    (0.10, 0.01, 0.001, 0.002689, 0.07345, 0.2689),
    (0.20, 0.04, 0.008, 0.0200, 0.3000, 0.5),
    (0.30, 0.09, 0.027, 0.065795, 0.61559, 0.7311),
    (0.50, 0.25, 0.125, 0.238144, 1.06552, 0.9526),
    (0.70, 0.49, 0.343, 0.486721, 1.42321, 0.9933),
    (0.90, 0.81, 0.729, 0.809262, 1.80573, 0.9991),
    (1.00, 1, 1, 0.999665, 2.00268, 0.99966),
]


def oracle(response, label, a, c, importance):
    """Value and gradient, as the paper prints them, in NumPy."""
    error, sign = np.abs(response - label), np.sign(response - label)
    weight = {"none": np.ones_like(label), "exp": np.exp(label)}.get(importance)
    if weight is None:
        weight = label * np.exp(1.6 * label)
        weight = (weight / weight.max(axis=(1, 2, 3), keepdims=True)) ** 2
    f = 1 / (1 + np.exp(a * (c - error)))
    return weight * error**2 * f, weight * sign * (2 * error * f + a * error**2 * f * (1 - f))


@pytest.mark.parametrize("importance", ["none", "exp", "dslt_code"])
@pytest.mark.parametrize(("a", "c"), [(10, 0.2), (40, 0.2), (15, 0.5), (2, -0.3)])
def test_value_and_gradient(a, c, importance):
    generator = torch.Generator().manual_seed(0)
    label = torch.rand(3, 1, 7, 5, generator=generator, dtype=torch.float64)
    response = torch.randn(label.shape, generator=generator, dtype=torch.float64).requires_grad_()
    loss = build_loss("shrinkage", a=a, c=c, importance=importance, reduction="none")(response, label)
    (gradient,) = torch.autograd.grad(loss.sum(), response)
    value, slope = oracle(response.detach().numpy(), label.numpy(), a, c, importance)
    np.testing.assert_allclose(loss.detach(), value, rtol=1e-12)
    np.testing.assert_allclose(gradient, slope, rtol=1e-10)
    torch.testing.assert_close(shrinkage_loss(response, label, a, c, importance), loss)


@pytest.mark.parametrize(("error", "l2", "l3", "shrinkage", "slope", "modulation"), TABLE)
def test_published_values(error, l2, l3, shrinkage, slope, modulation):
    response = torch.tensor([error], dtype=torch.float64, requires_grad=True)
    label = torch.zeros(1, dtype=torch.float64)
    values = {name: build_loss(name)(response, label).item() for name in ("l2", "l3")}
    loss = build_loss("shrinkage", importance="none")(response, label)
    (gradient,) = torch.autograd.grad(loss, response)
    assert values["l2"] == pytest.approx(l2, abs=1e-9)
    assert values["l3"] == pytest.approx(l3, abs=6e-6)
    assert loss.item() == pytest.approx(shrinkage, abs=5e-6 if error < 0.1 else 5e-7)
    assert gradient.item() == pytest.approx(slope, abs=6e-6)
    assert shrinkage_modulation(response.detach()).item() == pytest.approx(modulation, abs=6e-5)


def test_hard_samples_are_kept_and_easy_ones_shrunk_but_never_removed():
    f = shrinkage_modulation(torch.tensor([0, 0.2, 0.5, 0.8, 1], dtype=torch.float64))
    assert f[0] == pytest.approx(0.1192, abs=1e-4)
    assert f[1] == 0.5
    assert f[2] > 0.95
    assert f[3] > 0.99
    assert f[4] > 0.999
    error = torch.linspace(0, 0.9996, 1000, dtype=torch.float64)
    assert (shrinkage_modulation(error) >= error).all()  # so shrinkage >= L3 everywhere


def test_limits():
    generator = torch.Generator().manual_seed(0)
    label = torch.rand(2, 1, 6, 6, generator=generator, dtype=torch.float64)
    response = torch.randn(label.shape, generator=generator, dtype=torch.float64)
    l2 = build_loss("l2", reduction="none")(response, label)

    def plain(**given):
        return shrinkage_loss(response, label, importance="none", **given)

    torch.testing.assert_close(plain(c=-1e3), l2)
    torch.testing.assert_close(plain(a=1e-9), l2 / 2)
    torch.testing.assert_close(plain(a=1e6), l2 * ((response - label).abs() > 0.2))


def test_steep_shrinkage_has_no_overflow_in_half_precision():
    response = torch.zeros(4, dtype=torch.float16, requires_grad=True)
    loss = build_loss("shrinkage", a=100, c=0.7)(response, torch.zeros(4))
    (gradient,) = torch.autograd.grad(loss, response)
    assert loss == 0
    assert (gradient == 0).all()


def test_importance_of_the_released_code():
    label = torch.zeros(2, 1, 3, 3, dtype=torch.float64)
    label[0, 0, 1] = torch.tensor([0.5, 1, 0.25], dtype=torch.float64)
    weight = shrinkage_importance(label, "dslt_code")
    torch.testing.assert_close(
        weight[0, 0, 1], torch.tensor([0.0505, 1, 0.0057], dtype=torch.float64), atol=5e-5, rtol=0
    )
    assert (weight[0, 0, 0] == 0).all()
    assert (weight[1] == 0).all()  # no target: 0/0 would be NaN
    with pytest.raises(ValueError, match=r"\(N, 1, H, W\), got \(3, 3\)"):
        shrinkage_importance(label[0, 0], "dslt_code")


def test_second_derivative_and_derivative_by_the_label():
    """The first-order pass takes a saved slope: neither of these may see it as a constant."""
    generator = torch.Generator().manual_seed(0)
    response, label = torch.rand(2, 2, 1, 3, 3, generator=generator, dtype=torch.float64)
    response.requires_grad_()
    label.requires_grad_()
    assert torch.autograd.gradcheck(shrinkage_loss, (response, label))
    fixed = label.detach()
    assert torch.autograd.gradgradcheck(lambda x: shrinkage_loss(x, fixed), (response,))
    zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    loss = shrinkage_loss(zero, torch.zeros(1, dtype=torch.float64))
    (slope,) = torch.autograd.grad(loss, zero, create_graph=True)
    (curvature,) = torch.autograd.grad(slope, zero)
    assert curvature.item() == pytest.approx(2 * 0.1192, abs=1e-4)


def test_per_sample_gradients_and_hessian_by_functorch():
    response = torch.rand(4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    label = torch.zeros(5, dtype=torch.float64)

    def total(x):
        return shrinkage_loss(x, label).sum()

    slopes = torch.func.vmap(torch.func.grad(total))(response)
    expected = oracle(response.numpy(), 0 * response.numpy(), 10, 0.2, "exp")[1]
    np.testing.assert_allclose(slopes, expected, rtol=1e-10)
    hessian = torch.func.jacrev(torch.func.grad(total))(response[0])
    assert (hessian.diagonal() > 0).all()
