"""On-line solvers against dense float64 minimisation, and DSLT's Adam against its formula."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import nn

from losses import build_loss
from tracker.solvers import SOLVERS, Regression, correlate, padded_spectra
from tracker.solvers.adam import AdamSolver, AdamState
from tracker.solvers.irls import ReweightedLeastSquares
from tracker.solvers.ridge import RidgeSolver

KERNEL_HW, PADDING_HW, RIDGE = (3, 2), (1, 1), 0.3
FORMULAS = {  # of the absolute error and the label, from the papers
    "l2": lambda error, label: error**2,
    "l3": lambda error, label: error**3,
    "shrinkage": lambda error, label: np.exp(label) * error**2 / (1 + np.exp(10 * (0.2 - error))),
}


def design_matrix(features):
    """A row of inputs for every location of the response, by loops over its definition."""
    channels, height, width = features.shape
    padded = np.pad(features, ((0, 0), (PADDING_HW[0],) * 2, (PADDING_HW[1],) * 2))
    rows, columns = (
        height + 2 * PADDING_HW[0] - KERNEL_HW[0] + 1,
        width + 2 * PADDING_HW[1] - KERNEL_HW[1] + 1,
    )
    return np.array(
        [
            [
                padded[channel, row + i, column + j]
                for channel in range(channels)
                for i in range(KERNEL_HW[0])
                for j in range(KERNEL_HW[1])
            ]
            for row in range(rows)
            for column in range(columns)
        ]
    ).reshape(rows, columns, -1)


def build(features, labels, weights, criterion, ridge=RIDGE, padding_hw=PADDING_HW):
    spectra = padded_spectra(features, padding_hw)
    return Regression(features, spectra, labels, weights, criterion, ridge, padding_hw)


def small_problem(loss="l2", **arguments):
    """Two samples of 3 channels whose labels no filter fits, and their design matrices, labels and weights."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(2, 3, 5, 4))
    designs = [design_matrix(sample) for sample in features]
    rows, columns, _ = designs[0].shape
    label = np.exp(-0.5 * (np.arange(rows)[:, None] - 2) ** 2 - 0.5 * (np.arange(columns) - 2) ** 2)
    weights = np.array([0.7, 0.3])
    regression = build(
        torch.from_numpy(features),
        torch.from_numpy(label).expand(2, 1, -1, -1).contiguous(),
        torch.from_numpy(weights),
        build_loss(loss, **({"reduction": "sum"} | arguments)),
    )
    return regression, designs, label, weights


def dense_loss(loss, designs, label, weights):
    def value(kernel):
        fits = [FORMULAS[loss](np.abs(design @ kernel - label), label).sum() for design in designs]
        return weights @ fits + RIDGE * kernel @ kernel

    return value


def dense_minimum(loss):
    """The minimiser by a general method that knows nothing of least squares."""
    _, designs, label, weights = small_problem()
    value = dense_loss(loss, designs, label, weights)
    unknowns = designs[0].shape[-1]
    kernel = minimize(value, np.zeros(unknowns), method="BFGS", options={"gtol": 1e-9, "maxiter": 5000}).x
    return kernel.reshape(3, *KERNEL_HW), value


@pytest.mark.parametrize("padding_hw", [(0, 0), (1, 1), (2, 1)])
def test_a_correlation_by_products_and_overlapping_sums_is_a_convolution_layer(padding_hw):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 3, 9, 8, dtype=torch.float64, generator=generator)
    kernel = torch.randn(3, 5, 3, dtype=torch.float64, generator=generator)
    truth = nn.functional.conv2d(features, kernel[None], padding=padding_hw)
    assert torch.allclose(correlate(features, kernel, padding_hw), truth, atol=1e-12)


def test_respond_and_adjoint_are_the_dense_design_and_its_transpose():
    regression, designs, label, _ = small_problem()
    rng = np.random.default_rng(0)
    kernel, maps = rng.normal(size=designs[0].shape[-1]), rng.normal(size=(2, *label.shape))
    responses = regression.respond(torch.from_numpy(kernel).view(3, *KERNEL_HW))
    back = regression.adjoint(torch.from_numpy(maps)[:, None], KERNEL_HW)
    assert responses[:, 0].numpy() == pytest.approx(np.array([d @ kernel for d in designs]), abs=1e-12)
    truth = sum(np.tensordot(m, d, 2) for m, d in zip(maps, designs, strict=True))
    assert back.flatten().numpy() == pytest.approx(truth, abs=1e-12)


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


def test_a_reduction_to_the_mean_is_undone():
    by_sum, by_mean, by_batch = (
        small_problem("shrinkage", reduction=reduction)[0] for reduction in ("sum", "mean", "batchmean")
    )
    kernel = torch.full((3, *KERNEL_HW), 0.1, dtype=torch.float64)
    responses = by_sum.respond(kernel)
    for other in (by_mean, by_batch):
        assert torch.allclose(by_sum.slopes(responses), other.slopes(responses))
    torch_mean = replace(by_sum, criterion=nn.MSELoss())
    residual = responses - by_sum.labels
    assert torch.allclose(torch_mean.slopes(responses), 2 * by_sum.weights.view(-1, 1, 1, 1) * residual)


def test_curvatures_are_the_published_weights_of_shrinkage():
    regression, *_ = small_problem("shrinkage")
    errors = torch.tensor([0.0, 0.05, 0.2, -0.5, 1.0], dtype=torch.float64)
    responses = regression.labels.clone()
    responses[0, 0, :5, 0] += errors
    label = regression.labels[0, 0, :5, 0]
    size = errors.abs().clamp_min(1e-4)
    factor = torch.sigmoid(10 * (size - 0.2))
    truth = 0.7 * label.exp() * (factor + 10 * size * factor * (1 - factor) / 2)
    assert torch.allclose(regression.curvatures(responses)[0, 0, :5, 0], truth, rtol=1e-9)


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


def test_the_closed_form_needs_a_ridge():
    regression, *_ = small_problem()
    bare = replace(regression, regularisation=0.0)
    with pytest.raises(ValueError, match="needs regularisation > 0"):
        RidgeSolver().start(bare, KERNEL_HW)
