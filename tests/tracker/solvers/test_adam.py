"""DSLT's Adam against its formula, torch's Adam and dense minimisation."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import nn

from tests.material.regressions import (
    FORMULAS,
    KERNEL_HW,
    PADDING_HW,
    RIDGE,
    build,
    dense_loss,
    small_problem,
)
from tracker.solvers.adam import AdamSolver, AdamState


@pytest.mark.parametrize("loss", list(FORMULAS))
def test_adam_comes_near_the_dense_minimiser(loss):
    regression, *_ = small_problem(loss)
    one = regression.only(0)
    _, designs, label, _ = small_problem()
    value = dense_loss(loss, designs[:1], label, np.ones(1))
    unknowns = designs[0].shape[-1]
    truth = minimize(value, np.zeros(unknowns), method="BFGS", options={"gtol": 1e-9}).fun
    solver = AdamSolver(learning_rate=0.02, first_steps=3000, stop_share=0.0)
    assert value(solver.start(one, KERNEL_HW).flatten().numpy()) == pytest.approx(truth, rel=2e-2)


def test_a_frozen_bias_correction_shortens_adams_steps_as_the_released_code():
    """Under a constant gradient; figures from Caffe's formula with its counter kept at 1."""
    state = AdamState(torch.zeros(1, dtype=torch.float64), (0.6, 0.999), frozen_correction=True)
    steps = [float(state.step(torch.full((1,), 3.0, dtype=torch.float64))) for _ in range(100)]
    assert [round(steps[n - 1], 2) for n in (1, 10, 20, 50, 100)] == [1.00, 0.79, 0.56, 0.36, 0.26]
    assert sum(steps) == pytest.approx(44.1, abs=0.05)
    assert sum(steps[:1]) == pytest.approx(0.0790569 * 0.4 / math.sqrt(0.001), rel=1e-6)


def test_adam_is_torchs_unless_its_correction_is_frozen():
    generator = torch.Generator().manual_seed(0)
    weights = nn.Parameter(torch.zeros(4, dtype=torch.float64))
    optimiser = torch.optim.Adam([weights], lr=0.1, betas=(0.6, 0.999))
    state, ours = AdamState(weights.detach(), (0.6, 0.999), frozen_correction=False), torch.zeros(4)
    for _ in range(20):
        weights.grad = torch.randn(4, dtype=torch.float64, generator=generator)
        optimiser.step()
        ours = ours - 0.1 * state.step(weights.grad)
    assert torch.allclose(ours, weights.detach(), atol=1e-9)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 200.0])
def test_adams_rate_means_the_same_for_features_of_any_scale(scale):
    """The response after frame 1 and an update does not depend on the unit of the features."""
    regression, *_ = small_problem("shrinkage")
    responses = []
    for factor in (1.0, scale):
        scaled = build(
            regression.features * factor, regression.labels, regression.weights, regression.criterion, 0.0
        )
        solver = AdamSolver(first_steps=10, stop_share=0)
        responses.append(scaled.respond(solver.update(scaled, solver.start(scaled, KERNEL_HW))))
    assert torch.allclose(*responses, rtol=1e-4, atol=1e-5)


def test_adams_first_step_moves_the_target_by_the_learning_rate_at_most():
    regression, *_ = small_problem("l2")
    one = regression.only(0)
    kernel = AdamSolver(learning_rate=0.03, first_steps=1, stop_share=0).start(one, KERNEL_HW)
    # The location whose window is the middle of the map: row and column of the response under that window.
    rows, columns = one.features.shape[-2:]
    middle = ((rows - KERNEL_HW[0]) // 2 + PADDING_HW[0], (columns - KERNEL_HW[1]) // 2 + PADDING_HW[1])
    moved = float(one.respond(kernel)[0, 0][middle])
    assert 0 < moved <= 0.03 * (1 + 1e-6)


def test_adam_stops_at_the_loss_asked_for(monkeypatch):
    steps, step = [], AdamState.step
    monkeypatch.setattr(AdamState, "step", lambda *given: steps.append(1) or step(*given))
    regression, *_ = small_problem("l2")
    by_share = AdamSolver(first_steps=500, stop_share=0.8)
    kernel = by_share.start(regression.only(0), KERNEL_HW)
    _, designs, label, _ = small_problem()
    value = dense_loss("l2", designs[:1], label, np.ones(1))
    fit = value(kernel.flatten().numpy()) - RIDGE * float(kernel.square().sum())
    assert fit <= 0.8 * (label**2).sum()
    assert 0 < len(steps) < 500
    steps.clear()
    by_loss = AdamSolver(first_steps=500, stop_share=0, stop_loss=1e9)
    assert not by_loss.start(regression, KERNEL_HW).any()
    assert not steps


def test_the_released_codes_slope_pushes_up_what_is_too_high():
    regression, *_ = small_problem("l2")
    one = regression.only(0)
    high = torch.full((3, *KERNEL_HW), 2.0, dtype=torch.float64)
    moves = []
    for code_slope in (False, True):
        solver = AdamSolver(code_slope=code_slope)
        gradient = solver._gradient(one, one.respond(high), high) - 2 * RIDGE * high
        moves.append(gradient)
    slopes = one.slopes(one.respond(high))
    assert (slopes > 0).any()
    assert torch.equal(moves[1], one.adjoint(-slopes.abs(), KERNEL_HW))
    assert not torch.allclose(*moves)
