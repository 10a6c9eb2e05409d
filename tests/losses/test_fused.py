"""Losses whose value and slope come from one pass: the same numbers, eager and compiled."""

from shutil import which

import pytest
import torch

from losses import build_loss
from losses.cross_entropy import bce_and_residual, binary_cross_entropy, binary_residual
from losses.fused import fused


def test_bce_and_residual_are_exact_at_zero_and_at_saturation():
    values = torch.tensor([-1000.0, -40, -3, -1e-3, -0.0, 0, 1e-3, 3, 40, 1000], dtype=torch.float64)
    for y in (0.0, 0.3, 1.0):
        label = torch.full_like(values, y)
        loss, slope = bce_and_residual(values, label)
        torch.testing.assert_close(loss, binary_cross_entropy(values, label), rtol=1e-12, atol=0)
        torch.testing.assert_close(slope, binary_residual(values, label), rtol=1e-12, atol=0)


def test_derivatives_of_every_order_are_those_of_the_formula():
    x = torch.linspace(-2, 2, 9, dtype=torch.float64, requires_grad=True)
    target = torch.rand(9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def function(x):
        return fused(bce_and_residual, binary_residual, x, target)

    assert torch.autograd.gradcheck(function, (x,))
    assert torch.autograd.gradgradcheck(function, (x,))


@pytest.mark.parametrize("name", ["shrinkage", "ghm-r", "focal", "quality-focal", "shrinkage-bce"])
def test_hessian_by_forward_over_reverse(name):
    """``torch.func.hessian`` uses forward mode, for which a function of one's own needs a rule."""
    response, label = torch.rand(
        2, 2, 1, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    loss = build_loss(name)

    def function(x):
        return loss(x, label)

    expected = torch.autograd.functional.hessian(function, response)
    torch.testing.assert_close(torch.func.hessian(function)(response), expected)


@pytest.mark.parametrize("name", ["shrinkage", "bce", "focal", "quality-focal", "shrinkage-bce"])
def test_a_label_may_be_learnt_too(name):
    """By autograd then, in the value's own formula: the same loss, and the label gets its gradient."""
    logits = torch.linspace(-2, 2, 6, dtype=torch.float64)
    label = torch.linspace(0.1, 0.9, 6, dtype=torch.float64, requires_grad=True)
    loss = build_loss(name)
    torch.testing.assert_close(loss(logits, label), loss(logits, label.detach()))
    assert torch.autograd.gradcheck(lambda y: loss(logits, y), (label,))


COMPILER = pytest.mark.skipif(which("g++") is None, reason="torch.compile needs a C++ compiler")


@pytest.mark.slow
@COMPILER
@pytest.mark.parametrize(
    "name", ["shrinkage", "bce", "ghm-r", "ghm-c", "focal", "quality-focal", "shrinkage-bce"]
)
def test_compiled_is_the_same(name):
    generator = torch.Generator().manual_seed(0)
    label = torch.rand(2, 1, 9, 9, generator=generator)
    response = torch.randn(label.shape, generator=generator).requires_grad_()
    loss = build_loss(name)
    torch.compiler.reset()
    results = []
    for function in (loss, torch.compile(loss, fullgraph=True)):
        value = function(response, label)
        results.append((value, *torch.autograd.grad(value, response)))
    torch.testing.assert_close(results[0], results[1])


@pytest.mark.slow
@COMPILER
@pytest.mark.parametrize("momentum", [0.0, 0.6])
def test_compiled_counts_are_the_same(momentum):
    """Under a compiler the bins are counted otherwise; ignored samples and the running density too."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 1, 9, 9, generator=generator, dtype=torch.float64, requires_grad=True)
    label = torch.rand(logits.shape, generator=generator, dtype=torch.float64)
    mask = torch.rand(logits.shape, generator=generator).round()
    plain, twin = build_loss("ghm-c", momentum=momentum), build_loss("ghm-c", momentum=momentum)
    torch.compiler.reset()
    compiled = torch.compile(twin.forward, fullgraph=True)
    for given in (None, mask):
        values = [function(logits, label, mask=given) for function in (plain, compiled)]
        gradients = [torch.autograd.grad(value, logits)[0] for value in values]
        torch.testing.assert_close(*values, rtol=1e-12, atol=0)
        torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-18)
        assert torch.equal(plain.acc_sum, twin.acc_sum)
