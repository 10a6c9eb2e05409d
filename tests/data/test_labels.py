"""Labels and windows against their formulas in float64."""

import numpy as np
import pytest
import torch

from data.labels import gaussian_label
from tracker.windows import hann2d


def formula(size_hw, sigma_yx, offset_yx):
    rows, columns = (np.arange(n) - n // 2 - d for n, d in zip(size_hw, offset_yx, strict=True))
    return np.exp(
        -(rows[:, None] ** 2) / (2 * sigma_yx[0] ** 2) - columns[None, :] ** 2 / (2 * sigma_yx[1] ** 2)
    )


@pytest.mark.parametrize("size_hw", [(50, 50), (25, 31), (8, 13)])
@pytest.mark.parametrize("offset", [(0.0, 0.0), (2.0, -3.0), (0.3, -0.45)])
@pytest.mark.parametrize("sigma", [1.5, (0.8, 2.4)])
def test_the_label_is_the_gaussian_of_the_formula(size_hw, offset, sigma):
    label = gaussian_label(size_hw, sigma, offset)
    both = sigma if isinstance(sigma, tuple) else (sigma, sigma)
    assert label.dtype == torch.float32
    assert label.numpy() == pytest.approx(formula(size_hw, both, offset), abs=1e-6)


@pytest.mark.parametrize("size_hw", [(50, 50), (25, 31)])
def test_a_target_on_a_cell_has_a_peak_of_exactly_one(size_hw):
    height, width = size_hw
    assert gaussian_label(size_hw, 2.0)[height // 2, width // 2] == 1
    assert gaussian_label(size_hw, 2.0, (1, -2))[height // 2 + 1, width // 2 - 2] == 1
    assert gaussian_label(size_hw, 2.0, (0.5, 0)).max() < 1


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan"), float("inf"), (1.0, 0.0)])
def test_a_sigma_that_is_none_is_named(sigma):
    with pytest.raises(ValueError, match="sigma must be positive"):
        gaussian_label((5, 5), sigma)


def test_an_empty_map_is_named():
    with pytest.raises(ValueError, match="size_hw"):
        gaussian_label((0, 5), 1.0)


@pytest.mark.parametrize("size_hw", [(7, 7), (6, 9)])
def test_the_window_is_numpys_hann_without_its_zeros(size_hw):
    rows, columns = (np.hanning(n + 2)[1:-1] for n in size_hw)
    window = hann2d(*size_hw).numpy()
    assert window == pytest.approx(np.outer(rows, columns), abs=1e-6)
    assert window.min() > 0
    assert np.array_equal(window, window[::-1, ::-1]) or np.allclose(window, window[::-1, ::-1], atol=1e-7)
