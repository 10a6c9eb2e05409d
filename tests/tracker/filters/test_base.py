"""What every filter promises: its response is the correlation sum, its settings have ranges."""

import numpy as np
import pytest
import torch

from tests.material.filters import make_memory
from tracker.filters.ridge import RidgeFilter
from tracker.filters.spatial import SpatialFilter


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


@pytest.mark.parametrize(
    "build", [lambda: RidgeFilter(0.0), lambda: SpatialFilter(-1.0), lambda: SpatialFilter(1.0, 0)]
)
def test_settings_out_of_range_are_named(build):
    with pytest.raises(ValueError, match="must be"):
        build()
