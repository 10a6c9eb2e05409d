"""What every solver promises: no step raises the loss, nothing of the target before is left, ranges."""

import numpy as np
import pytest
import torch

from tests.material.regressions import FORMULAS, KERNEL_HW, build, dense_loss, small_problem
from tracker.solvers import SOLVERS
from tracker.solvers.adam import AdamSolver
from tracker.solvers.irls import ReweightedLeastSquares
from tracker.solvers.ridge import RidgeSolver


@pytest.mark.parametrize("loss", list(FORMULAS))
def test_no_step_raises_the_loss(loss):
    """Not even of L3, on which undamped reweighting oscillates."""
    regression, designs, label, weights = small_problem(loss)
    value = dense_loss(loss, designs, label, weights)
    solver = ReweightedLeastSquares(steps=1)
    kernel = torch.full(
        (3, *KERNEL_HW), 0.4, dtype=torch.float64
    )  # errors of either sign, far from the minimum
    values = [value(kernel.flatten().numpy())]
    for _ in range(40):
        kernel = solver.update(regression, kernel)
        values.append(value(kernel.flatten().numpy()))
    assert np.all(np.diff(values) <= 1e-9)
    assert values[-1] < 0.5 * values[0]


@pytest.mark.parametrize("name", list(SOLVERS))
def test_a_solver_forgets_the_target_before(name):
    regression, *_ = small_problem("l2")
    other = build(regression.features.flip(0, 2), regression.labels, regression.weights, regression.criterion)
    solver = SOLVERS[name]()
    fresh = SOLVERS[name]()
    kernel = solver.start(other, KERNEL_HW)
    solver.update(other, kernel)
    again, first = solver.start(regression, KERNEL_HW), fresh.start(regression, KERNEL_HW)
    assert torch.equal(again, first)
    assert torch.equal(solver.update(regression, again), fresh.update(regression, first))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AdamSolver(learning_rate=0), "learning_rate must be > 0"),
        (lambda: AdamSolver(first_steps=0), "first_steps must be at least 1"),
        (lambda: RidgeSolver(0), "reweightings must be at least 1"),
        (lambda: ReweightedLeastSquares(steps=-1), "steps must be at least 0"),
    ],
)
def test_settings_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
