"""A fit watched step by step is the fit that the solver makes in one go."""

import pytest
import torch

from experiments.trackers.fitting import fitted_filters
from losses import build_loss
from tracker.solvers import Regression, padded_spectra
from tracker.solvers.adam import AdamSolver
from tracker.solvers.irls import ReweightedLeastSquares
from tracker.solvers.ridge import RidgeSolver


@pytest.fixture
def regression():
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(1, 3, 9, 9, generator=draw)
    labels = torch.rand(1, 1, 9, 9, generator=draw)
    loss = build_loss("l2", reduction="sum")
    return Regression(features, padded_spectra(features, (1, 1)), labels, torch.ones(1), loss, 0.1, (1, 1))


@pytest.mark.parametrize(
    ("solver", "in_one_go"),
    [
        (AdamSolver(), lambda steps: AdamSolver(first_steps=steps, stop_share=0.0)),
        (ReweightedLeastSquares(), lambda steps: ReweightedLeastSquares(first_steps=steps)),
        (RidgeSolver(), lambda steps: RidgeSolver()),
    ],
)
def test_each_mark_has_the_filter_of_so_many_steps(regression, solver, in_one_go):
    found = list(fitted_filters(solver, regression, (3, 3), [1, 4]))
    assert [steps for steps, _, _ in found] == [1, 4]
    assert all(seconds > 0 for _, seconds, _ in found)
    for steps, _, kernel in found:
        expected = in_one_go(steps).start(regression, (3, 3))
        torch.testing.assert_close(kernel, expected, rtol=1e-4, atol=1e-6)
