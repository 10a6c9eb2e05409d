"""MAML on a linear problem whose meta gradient is known in closed form."""

import pytest
import torch
from torch import nn

from losses import build_loss
from losses.maml import adapt, meta_loss

LR = 0.05


@pytest.fixture
def problem():
    """A linear model and two tasks; L = mean (X theta - y)², its gradient 2 Xᵀ(X theta - y) / n."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    model = nn.Linear(3, 1, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(draw(1, 3))
    tasks = [((draw(6, 3), draw(6, 1)), (draw(5, 3), draw(5, 1))) for _ in range(2)]
    return model, tasks


def gradient(theta, batch):
    x, y = batch
    return 2 * x.T @ (x @ theta - y) / len(x)


@pytest.mark.parametrize("first_order", [False, True])
def test_meta_gradient(problem, first_order):
    model, tasks = problem
    theta = model.weight.detach().T
    expected = torch.zeros_like(theta)
    for support, query in tasks:
        adapted = theta - LR * gradient(theta, support)
        hessian = 2 * support[0].T @ support[0] / len(support[0])
        factor = torch.eye(3, dtype=theta.dtype) - (0 if first_order else LR * hessian)
        expected += factor @ gradient(adapted, query)
    meta_loss(model, build_loss("l2"), tasks, lr=LR, first_order=first_order).backward()
    torch.testing.assert_close(model.weight.grad.T, expected)


def test_inner_steps_leave_the_model_alone(problem):
    model, ((support, _), _) = problem
    theta = model.weight.detach().clone()
    adapted = adapt(model, build_loss("l2"), support, lr=LR, steps=2)["weight"]
    assert torch.equal(model.weight, theta)
    once = theta.T - LR * gradient(theta.T, support)
    torch.testing.assert_close(adapted.detach().T, once - LR * gradient(once, support))


@pytest.mark.parametrize("name", ["shrinkage", "ghm-r", "lbhinge", "bce", "focal", "shrinkage-bce"])
def test_second_order_through_a_loss(problem, name):
    model, tasks = problem
    tasks = [[(x, y.sigmoid()) for x, y in task] for task in tasks]  # labels in [0, 1]
    meta_loss(model, build_loss(name), tasks, lr=LR).backward()
    assert model.weight.grad.isfinite().all()
    assert (model.weight.grad != 0).any()
