"""The closed form against dense float64 linear algebra."""

import pytest
import torch

from tests.material.filters import SIZES, dense_ridge, make_memory
from tracker.filters.ridge import RidgeFilter
from tracker.filters.spatial import SpatialFilter


@pytest.mark.parametrize("size_hw", SIZES)
@pytest.mark.parametrize("regularisation", [0.1, 10.0])
def test_the_closed_form_is_the_dense_ridge_solution(size_hw, regularisation):
    memory, features, labels = make_memory(size_hw)
    model = RidgeFilter(regularisation)
    model.start(memory, (3, 3))
    truth = dense_ridge(features, labels, memory.weights.numpy(), regularisation, model.support)
    assert model.weights.numpy() == pytest.approx(truth, abs=2e-6)


def test_samples_of_weight_0_count_for_nothing(monkeypatch):
    """As an ``interp_factor`` of 0 gives new samples, and one of 1 all others."""
    memory, features, labels = make_memory((8, 8))
    weights = [1.0, 0.0, 0.0][: len(memory.weights)]
    monkeypatch.setattr(memory, "_weights", weights)
    model = RidgeFilter(0.1)
    model.start(memory, (3, 3))
    truth = dense_ridge(features[:1], labels[:1], [1.0], 0.1, model.support)
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
