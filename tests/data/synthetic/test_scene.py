"""Rendered frames: boxes against pixels, the same pixels always."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from data.synthetic.scene import GRAIN_ZERO
from data.synthetic.sequence import ATTRIBUTES, synthetic_sequence

SEEDS = range(4)


def mask_extent(mask):
    """Box of a soft mask to a fraction of a pixel: in each row its outermost pixels are covered in part."""
    sides = []
    for rows in (mask, mask.T):
        low, high = np.inf, -np.inf
        for row in rows[rows.max(axis=1) > 0.5]:
            inside = np.flatnonzero(row > 0.5)
            first, last = inside[0], inside[-1]
            low = min(low, first + 0.5 - row[max(0, first - 2) : first + 1].sum())
            high = max(high, last - 0.5 + row[last : last + 3].sum())
        sides.append((low + 0.5, high - low))
    (x, w), (y, h) = sides
    return np.array([x, y, w, h])


@pytest.mark.parametrize("attributes", [(), ("SV", "IPR"), ("DEF", "OPR"), ("LR",), ("OCC", "IV")])
@pytest.mark.parametrize("seed", SEEDS)
def test_boxes_agree_with_the_mask_to_a_fraction_of_a_pixel(seed, attributes):
    sequence = synthetic_sequence(seed, attributes=attributes)
    for index in range(0, 100, 9):
        measured = mask_extent(sequence.mask(index))
        np.testing.assert_allclose(sequence.bbox(index), measured, atol=0.06)


@pytest.mark.parametrize("attributes", [(), ("SV", "IPR", "OPR")])
@pytest.mark.parametrize("seed", SEEDS)
def test_boxes_agree_with_the_pixels_of_the_frames(seed, attributes):
    """Over a black background without noise, whatever is lit is the target."""
    sequence = synthetic_sequence(seed, attributes=attributes)
    nothing = np.zeros_like(sequence.background), np.full_like(sequence.grain, GRAIN_ZERO)
    sequence = replace(sequence, background=nothing[0], grain=nothing[1])
    for index in range(0, 100, 11):
        lit = sequence.frame(index).max(axis=2) > 12
        rows, columns = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
        x, y, w, h = sequence.bbox(index)
        np.testing.assert_allclose([x, x + w - 1], columns[[0, -1]], atol=1.0)
        np.testing.assert_allclose([y, y + h - 1], rows[[0, -1]], atol=1.0)


def test_bboxes_has_a_row_for_every_frame():
    sequence = synthetic_sequence(3, length=7, attributes=("SV",))
    assert sequence.bboxes.shape == (7, 4)
    assert sequence.bboxes.dtype == np.float64
    np.testing.assert_array_equal(sequence.bboxes[5], sequence.bbox(5))


@pytest.mark.parametrize("attributes", [(), tuple(ATTRIBUTES)])
def test_the_same_seed_gives_the_same_pixels_in_any_order(attributes):
    first, second = (synthetic_sequence(5, 30, (160, 120), attributes) for _ in range(2))
    forward = list(first.frames())
    assert len(forward) == len(first) == 30
    for index in (29, 3, 17):
        np.testing.assert_array_equal(second.frame(index), forward[index])
    assert not np.array_equal(synthetic_sequence(6, 30, (160, 120), attributes).frame(0), forward[0])
    assert forward[0].dtype == np.uint8
    assert forward[0].shape == (120, 160, 3)


def test_grey_is_three_equal_channels():
    frame = synthetic_sequence(1, size=(64, 48), colour=False).frame(3)
    assert frame.shape == (48, 64, 3)
    assert np.ptp(frame, axis=2).max() == 0
    assert np.ptp(synthetic_sequence(1, size=(64, 48)).frame(3), axis=2).max() > 0


def test_a_long_sequence_costs_no_memory():
    sequence = synthetic_sequence(1, 10**9, (64, 48), ("SV",))
    sequence.frame(0)
    tracemalloc.start()
    for index in range(0, 10**9, 10**7):
        sequence.frame(index)
    assert tracemalloc.get_traced_memory()[0] < 100_000
    tracemalloc.stop()
    assert np.isfinite(sequence.bbox(10**9 - 1)).all()


def test_frames_outside_the_sequence():
    sequence = synthetic_sequence(0, 5, (64, 48))
    for index in (-1, 5):
        with pytest.raises(IndexError, match=r"0…4"):
            sequence.frame(index)
