"""The closed form against dense float64 least squares."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from losses import build_loss
from tests.material.regressions import KERNEL_HW, RIDGE, build, dense_minimum, small_problem
from tracker.solvers.ridge import RidgeSolver


@pytest.mark.parametrize("reweightings", [1, 2])
@pytest.mark.parametrize("sample", [None, 0])
def test_ridge_is_the_dense_least_squares_solution(reweightings, sample):
    """Two samples have more locations than the filter has weights (primal form), a valid-only crop fewer (dual)."""
    regression, designs, label, weights = small_problem()
    if sample is not None:
        regression, designs, weights = regression.only(sample), designs[:1], np.ones(1)
    design = np.concatenate(
        [np.sqrt(a) * d.reshape(-1, d.shape[-1]) for a, d in zip(weights, designs, strict=True)]
    )
    target = np.concatenate([np.sqrt(a) * label.ravel() for a in weights])
    truth = np.linalg.solve(design.T @ design + RIDGE * np.eye(design.shape[1]), design.T @ target)
    kernel = RidgeSolver(reweightings).start(regression, KERNEL_HW)
    assert kernel.flatten().numpy() == pytest.approx(truth, abs=1e-10)


def test_ridge_in_its_dual_form_is_the_same_solution():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, 7, 3, 3, dtype=torch.float64, generator=generator)
    label = torch.rand(1, 1, 3, 3, dtype=torch.float64, generator=generator)
    one = torch.ones(1, dtype=torch.float64)
    regression = build(features, label, one, build_loss("l2"), padding_hw=(1, 1))
    design = nn.functional.unfold(features, 3, padding=1)[0].T.numpy()  # 9 locations, 63 weights
    truth = np.linalg.solve(design.T @ design + RIDGE * np.eye(63), design.T @ label.flatten().numpy())
    got = RidgeSolver().start(regression, (3, 3))
    assert got.flatten().numpy() == pytest.approx(truth, abs=1e-10)


@pytest.mark.parametrize("loss", ["l3", "shrinkage"])
def test_ridge_repeated_is_exact_reweighted_least_squares(loss):
    """Damped by nothing: for Shrinkage it settles on the minimiser, for L3 it need not (and is not asked to)."""
    regression, *_ = small_problem(loss)
    truth, value = dense_minimum(loss)
    got = value(RidgeSolver(50).start(regression, KERNEL_HW).flatten().numpy())
    if loss == "shrinkage":
        assert got == pytest.approx(value(truth.ravel()), rel=1e-6)
    else:
        assert got < 1.2 * value(truth.ravel())


def test_the_closed_form_needs_a_ridge():
    regression, *_ = small_problem()
    bare = replace(regression, regularisation=0.0)
    with pytest.raises(ValueError, match="needs regularisation > 0"):
        RidgeSolver().start(bare, KERNEL_HW)
