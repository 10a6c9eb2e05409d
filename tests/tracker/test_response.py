"""Reading responses: peaks of shifted maps, and ratios worked out by hand."""

import numpy as np
import pytest

from data.labels import gaussian_label
from tracker.response import find_peak, parabola_vertex, psr


@pytest.mark.parametrize("size_hw", [(50, 50), (25, 31)])
@pytest.mark.parametrize("shift", [(0, 0), (3, -7), (-9, 11)])
def test_a_whole_shift_is_found_exactly(size_hw, shift):
    response = gaussian_label(size_hw, 2.0, shift).numpy()
    peak = find_peak(response)
    assert peak.displacement.tolist() == pytest.approx([shift[1], shift[0]], abs=1e-5)
    assert peak.score == 1


@pytest.mark.parametrize("shift", [(0.25, -0.4), (3.5, 0.1), (-0.49, 0.3)])
def test_a_fraction_of_a_cell_is_found_up_to_the_parabolas_own_error(shift):
    peak = find_peak(gaussian_label((50, 50), 2.0, shift).numpy())
    assert peak.displacement.tolist() == pytest.approx([shift[1], shift[0]], abs=0.02)


def test_a_peak_at_the_border_has_its_neighbours_on_the_other_side():
    response = np.roll(gaussian_label((20, 20), 1.5, (0.0, 0.3)).numpy(), (-10, -10), axis=(0, 1))
    assert find_peak(response).displacement.tolist() == pytest.approx([-9.7, -10], abs=0.03)


@pytest.mark.parametrize(("a", "b", "c"), [(-1.0, 0.2, 3.0), (-2.0, -0.3, 1.0)])
def test_the_vertex_is_that_of_the_parabola(a, b, c):
    left, middle, right = (a * (x - b) ** 2 + c for x in (-1, 0, 1))
    assert parabola_vertex(left, middle, right) == pytest.approx(b)


@pytest.mark.parametrize("values", [(1, 1, 1), (3, 1, 3), (0, 0, 0)])
def test_what_has_no_maximum_has_no_fraction(values):
    assert parabola_vertex(*values) == 0


def test_psr_is_the_ratio_of_the_paper():
    rng = np.random.default_rng(0)
    response = rng.normal(0, 0.1, (40, 40)).astype(np.float32)
    response[20, 12] = 2
    sidelobe = np.delete(response.ravel(), [r * 40 + c for r in range(15, 26) for c in range(7, 18)]).astype(
        float
    )
    assert psr(response) == pytest.approx((2 - sidelobe.mean()) / sidelobe.std())


def test_psr_does_not_depend_on_offset_or_gain_also_at_the_border():
    rng = np.random.default_rng(1)
    response = rng.normal(0, 0.1, (40, 40)).astype(np.float32)
    response[1, 38] = 2
    assert psr(3 * response - 0.5) == pytest.approx(psr(response), rel=1e-4)


def test_a_flat_map_moves_nothing():
    peak = find_peak(np.zeros((20, 20), dtype=np.float32))
    assert peak.displacement.tolist() == [0, 0]
    assert peak.score == 0


def test_a_flat_map_has_no_peak_to_trust():
    assert psr(np.full((20, 20), 0.3, dtype=np.float32)) == 0
    assert psr(np.full((5, 5), 0.3, dtype=np.float32)) == 0
