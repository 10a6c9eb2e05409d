"""Reweighted least squares against dense float64 minimisation."""

import pytest

from tests.material.regressions import FORMULAS, KERNEL_HW, dense_minimum, small_problem
from tracker.solvers.irls import ReweightedLeastSquares


@pytest.mark.parametrize("loss", list(FORMULAS))
def test_reweighted_least_squares_find_the_dense_minimiser_of_any_loss(loss):
    regression, *_ = small_problem(loss)
    truth, value = dense_minimum(loss)
    kernel = ReweightedLeastSquares(first_steps=400).start(regression, KERNEL_HW)
    assert value(kernel.flatten().numpy()) == pytest.approx(value(truth.ravel()), rel=1e-7)
    assert kernel.numpy() == pytest.approx(truth, abs=1e-4)
    assert float(regression.loss(kernel)) == pytest.approx(value(kernel.flatten().numpy()), rel=1e-12)


def test_a_quadratic_loss_is_solved_in_as_many_steps_as_there_are_unknowns():
    """As by linear conjugate gradient: the reweighting costs a quadratic loss nothing."""
    regression, *_ = small_problem("l2")
    truth, _ = dense_minimum("l2")
    kernel = ReweightedLeastSquares(first_steps=18).start(regression, KERNEL_HW)
    assert kernel.numpy() == pytest.approx(truth, abs=1e-6)
