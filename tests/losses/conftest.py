"""Shared by the tests of the losses: NumPy's view of the basic functions, and a check against an oracle."""

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax


class Formulas:
    """The basic functions in NumPy, float64, written as in a textbook."""

    sigmoid = staticmethod(expit)
    softplus = staticmethod(lambda x: np.logaddexp(0, x))
    log_softmax = staticmethod(lambda x: log_softmax(x, axis=1))

    @classmethod
    def bce(cls, x, y):
        return y * cls.softplus(-x) + (1 - y) * cls.softplus(x)

    @staticmethod
    def entropy(y):
        inside = np.clip(y, 1e-300, 1 - 1e-16)
        value = -inside * np.log(inside) - (1 - inside) * np.log1p(-inside)
        return np.where((y == 0) | (y == 1), 0, value)

    @classmethod
    def ce(cls, x, target):
        return -cls.log_softmax(x)[np.arange(len(x)), target]

    @staticmethod
    def numeric_gradient(function, x, step=1e-6):
        """Central differences of the sum of ``function`` at every element of ``x``."""
        gradient = np.empty_like(x)
        for index in np.ndindex(x.shape):
            up, down = x.copy(), x.copy()
            up[index] += step
            down[index] -= step
            gradient[index] = (function(up).sum() - function(down).sum()) / (2 * step)
        return gradient


@pytest.fixture(scope="session")
def formulas():
    return Formulas


@pytest.fixture
def agrees():
    """Check the unreduced loss and its gradient against a NumPy formula of the prediction."""

    def check(loss, prediction, target, oracle, gradient=None, **given):
        prediction = prediction.detach().clone().requires_grad_()
        value = loss(prediction, target, **given)
        (slope,) = torch.autograd.grad(value.sum(), prediction)
        x = prediction.detach().numpy()
        np.testing.assert_allclose(value.detach(), oracle(x), rtol=1e-9, atol=1e-300)
        if gradient is None:
            np.testing.assert_allclose(slope, Formulas.numeric_gradient(oracle, x), rtol=1e-5, atol=1e-8)
        else:
            np.testing.assert_allclose(slope, gradient(x), rtol=1e-9, atol=1e-15)

    return check


@pytest.fixture
def logits_and_labels():
    """Logits, labels 0/1 and soft labels, all ``(2, 1, 4, 3)`` float64."""
    generator = torch.Generator().manual_seed(0)

    def draw():
        return torch.rand(2, 1, 4, 3, generator=generator, dtype=torch.float64)

    return 8 * draw() - 4, draw().round(), draw()


@pytest.fixture
def rows():
    """Logits ``(8, 4)``, class indices ``(8,)`` and class counts of a long tail."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(8, 4, generator=generator, dtype=torch.float64) * 2
    return logits, torch.tensor([0, 1, 2, 3, 0, 1, 2, 3]), [1000, 100, 10, 2]
