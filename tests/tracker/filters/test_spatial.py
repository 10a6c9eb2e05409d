"""Both solvers against dense float64 linear algebra, and against each other."""

import numpy as np
import pytest
import torch
from torch import nn

from data.labels import gaussian_label
from losses import build_loss
from losses.maml import meta_loss
from tracker.filters.memory import SampleMemory
from tracker.filters.ridge import RidgeFilter
from tracker.filters.spatial import SpatialFilter, conjugate_gradient

SIZES = [(6, 6), (5, 7), (6, 5)]


def make_memory(size_hw, samples=3, channels=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(samples, channels, *size_hw, generator=generator)
    labels = [gaussian_label(size_hw, 1.0, (0.3 * i, -0.2 * i)) for i in range(samples)]
    spectra = torch.fft.rfft2(features)
    memory = SampleMemory(samples, spectra[0], labels[0])
    for sample, label in zip(spectra[1:], labels[1:], strict=True):
        memory.add(sample, label, 0.3)
    return memory, features.double().numpy(), np.array([label.double().numpy() for label in labels])


def dense_ridge(features, labels, weights, regularisation, support):
    """Solve the regression as one dense least-squares problem in float64: a row a sample and displacement."""
    _, channels, height, width = features.shape
    rows, targets = [], []
    for x, label, weight in zip(features, labels, weights, strict=True):
        for dy in range(height):
            for dx in range(width):
                # (x ⋆ w)(u) = Σ_t x(t + u) w(t), circular; u = 0 stands at (h//2, w//2) of the label.
                shifted = np.roll(x, (-(dy - height // 2), -(dx - width // 2)), axis=(1, 2))
                rows.append(np.sqrt(weight) * shifted[(slice(None), *support)].ravel())
                targets.append(np.sqrt(weight) * label[dy, dx])
    design, target = np.array(rows), np.array(targets)
    solution = np.linalg.solve(
        design.T @ design + regularisation * np.eye(design.shape[1]), design.T @ target
    )
    return solution.reshape(channels, *(axis.stop - axis.start for axis in support))


@pytest.mark.parametrize("size_hw", SIZES)
@pytest.mark.parametrize("regularisation", [0.1, 10.0])
def test_the_closed_form_is_the_dense_ridge_solution(size_hw, regularisation):
    memory, features, labels = make_memory(size_hw)
    model = RidgeFilter(regularisation)
    model.start(memory, (3, 3))
    truth = dense_ridge(features, labels, memory.weights.numpy(), regularisation, model.support)
    assert model.weights.numpy() == pytest.approx(truth, abs=2e-6)


@pytest.mark.parametrize("size_hw", SIZES)
@pytest.mark.parametrize("target_hw", [(2, 2), (2, 3), (4, 3)])
def test_the_confined_filter_is_the_dense_ridge_solution_on_its_support(size_hw, target_hw):
    memory, features, labels = make_memory(size_hw)
    model = SpatialFilter(0.5, first_iterations=200)
    model.start(memory, target_hw)
    truth = dense_ridge(features, labels, memory.weights.numpy(), 0.5, model.support)
    assert model.weights.numpy() == pytest.approx(truth, abs=2e-6)


@pytest.mark.parametrize("size_hw", SIZES)
def test_both_solvers_agree_where_the_support_is_the_whole_map(size_hw):
    memory, features, _ = make_memory(size_hw)
    ridge, spatial = RidgeFilter(0.5), SpatialFilter(0.5, first_iterations=200)
    ridge.start(memory, size_hw)
    spatial.start(memory, size_hw)
    spectra = torch.fft.rfft2(torch.from_numpy(features).float())
    got = spatial.response(spectra, size_hw)
    assert torch.allclose(ridge.response(spectra, size_hw), got, atol=1e-5)


@pytest.mark.parametrize("model", [RidgeFilter(0.5), SpatialFilter(0.5)], ids=["ridge", "spatial"])
def test_the_response_is_the_correlation_sum(model):
    size_hw = (6, 7)
    memory, features, _ = make_memory(size_hw)
    model.start(memory, (2, 3))
    full = np.zeros((2, *size_hw))
    full[(slice(None), *model.support)] = model.weights.numpy()
    truth = np.array(
        [
            [(np.roll(features[1], (3 - dy, 3 - dx), axis=(1, 2)) * full).sum() for dx in range(7)]
            for dy in range(6)
        ]
    )
    got = model.response(torch.fft.rfft2(torch.from_numpy(features[1:2]).float()), size_hw)
    assert got.shape == (1, 1, *size_hw)
    assert got[0, 0].numpy() == pytest.approx(truth, abs=1e-5)


def test_warm_started_steps_reach_the_minimiser_of_a_changed_memory():
    memory, features, labels = make_memory((6, 6), samples=2)
    model = SpatialFilter(0.5, first_iterations=50, iterations=3)
    model.start(memory, (4, 4))
    added = torch.fft.rfft2(torch.from_numpy(features[0]).float() * 0.5)
    memory.add(added, torch.from_numpy(labels[1]).float(), 0.4)
    for _ in range(300):
        model.fit(memory)
    features[1], expected_labels = features[0] * 0.5, labels[[0, 1]]
    truth = dense_ridge(features, expected_labels, memory.weights.numpy(), 0.5, model.support)
    assert model.weights.numpy() == pytest.approx(truth, abs=1e-5)


class FilterHead(nn.Module):
    """The confined filter as a module, for MAML: its response to a batch of feature maps."""

    def __init__(self, channels, size_hw, support):
        super().__init__()
        self.weights = nn.Parameter(
            torch.zeros(channels, *(axis.stop - axis.start for axis in support), dtype=torch.float64)
        )
        self.size_hw, self.support = size_hw, support

    def forward(self, features):
        rows, columns = self.support
        border = (columns.start, self.size_hw[1] - columns.stop, rows.start, self.size_hw[0] - rows.stop)
        spectrum = torch.fft.rfft2(nn.functional.pad(self.weights, border)).conj()
        response = torch.fft.irfft2((torch.fft.rfft2(features) * spectrum).sum(-3), s=self.size_hw)
        return torch.fft.fftshift(response, dim=(-2, -1))


def test_a_meta_learned_filter_saves_steps_in_the_first_frame():
    """Targets of one kind: from the meta-learned start one step fits a new one better than from zero."""
    size_hw, support = (12, 12), (slice(3, 9), slice(3, 9))
    generator = torch.Generator().manual_seed(0)
    common = torch.randn(8, *size_hw, generator=generator)
    label = gaussian_label(size_hw, 1.0)

    def target():
        return common + 0.4 * torch.randn(8, *size_hw, generator=generator)

    head = FilterHead(8, size_hw, support)
    criterion = build_loss("shrinkage", reduction="batchmean")
    optimiser = torch.optim.Adam(head.parameters(), lr=1e-2)
    for _ in range(80):
        samples = [(target().double()[None], label.double()[None]) for _ in range(4)]
        optimiser.zero_grad()
        meta_loss(head, criterion, list(zip(samples[:2], samples[2:], strict=True)), lr=0.5).backward()
        optimiser.step()

    def error(initial):
        model = SpatialFilter(0.1, first_iterations=1, initial=initial)
        spectrum = torch.fft.rfft2(new)
        model.start(SampleMemory(1, spectrum, label), (6, 6))
        return float((model.response(spectrum[None], size_hw)[0, 0] - label).square().sum())

    for _ in range(5):
        new = target()
        assert error(head.weights.detach()) < 0.5 * error(None)


def test_an_initial_filter_is_resized_and_its_channels_are_checked():
    memory, _, _ = make_memory((8, 8), samples=1)
    flat = SpatialFilter(0.5, first_iterations=1, initial=torch.full((2, 2, 2), 0.3))
    assert torch.allclose(flat._initial_weights(torch.zeros(2, 4, 6)), torch.full((2, 4, 6), 0.3))
    with pytest.raises(ValueError, match=r"the features' 2 channels, got \(3, 2, 2\)"):
        SpatialFilter(0.5, initial=torch.zeros(3, 2, 2)).start(memory, (4, 4))


def test_conjugate_gradient_solves_in_as_many_steps_as_there_are_unknowns():
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(7, 7, dtype=torch.float64, generator=generator)
    matrix, target = root @ root.T + torch.eye(7), torch.randn(7, dtype=torch.float64, generator=generator)
    got = conjugate_gradient(lambda w: matrix @ w, target, torch.zeros(7, dtype=torch.float64), 7)
    assert torch.allclose(got, torch.linalg.solve(matrix, target), atol=1e-9)


def test_conjugate_gradient_stays_put_at_the_solution():
    target = torch.tensor([1.0, 2.0])
    assert torch.equal(conjugate_gradient(lambda w: 2 * w, target, target / 2, 5), target / 2)


def test_the_support_stands_in_the_middle():
    memory, _, _ = make_memory((50, 50), samples=1)
    model = SpatialFilter()
    model.start(memory, (11, 4))  # 11 of 50 cells cannot: one more
    assert model.support == (slice(19, 31), slice(23, 27))


@pytest.mark.parametrize(
    "build", [lambda: RidgeFilter(0.0), lambda: SpatialFilter(-1.0), lambda: SpatialFilter(1.0, 0)]
)
def test_settings_out_of_range_are_named(build):
    with pytest.raises(ValueError, match="must be"):
        build()
