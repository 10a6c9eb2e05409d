"""Boxes against the formulas of docs/conventions.md."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.boxes import (
    bbox_center,
    bbox_from_center,
    bbox_iou,
    check_bbox,
    check_bbox_in_frame,
    from_one_based,
    to_one_based,
)

boxes = st.tuples(*[st.integers(-50, 50)] * 2, *[st.integers(1, 60)] * 2)


def test_one_based_files_differ_by_one_pixel_in_the_corner_only():
    assert from_one_based([205, 151, 17, 50]).tolist() == [204, 150, 17, 50]
    assert to_one_based([[204, 150, 17, 50]]).tolist() == [[205, 151, 17, 50]]
    assert np.isnan(from_one_based([np.nan] * 4)).all()


def test_the_centre_is_the_middle_of_the_covered_pixels():
    x, y, w, h = 10, 20, 4, 3
    covered = [(column, row) for column in range(x, x + w) for row in range(y, y + h)]
    assert bbox_center([x, y, w, h]).tolist() == np.mean(covered, axis=0).tolist()


@given(boxes)
def test_a_box_comes_back_from_its_centre_and_size(box):
    assert bbox_from_center(bbox_center(box), box[2:]).tolist() == list(box)


@given(boxes, boxes)
def test_overlap_counts_pixels(first, second):
    def pixels(box):
        x, y, w, h = box
        return {(column, row) for column in range(x, x + w) for row in range(y, y + h)}

    a, b = pixels(first), pixels(second)
    assert bbox_iou(first, second) == pytest.approx(len(a & b) / len(a | b))


def test_overlap_of_a_box_with_itself_never_rounds_to_more_than_one():
    rng = np.random.default_rng(0)
    bboxes = np.concatenate([rng.uniform(0, 600, (1000, 2)), rng.uniform(5, 150, (1000, 2))], axis=1)
    overlap = bbox_iou(bboxes, bboxes)
    assert overlap.max() == 1
    assert overlap.min() > 1 - 1e-12


def test_overlap_works_on_many_boxes_and_passes_nan_on():
    overlap = bbox_iou(
        [[0, 0, 10, 10], [0, 0, 10, 10], [np.nan] * 4], [[0, 0, 10, 10], [5, 0, 10, 10], [0, 0, 1, 1]]
    )
    assert overlap[:2].tolist() == [1, pytest.approx(1 / 3)]
    assert np.isnan(overlap[2])


@pytest.mark.parametrize(
    "bbox",
    [
        (1, 2, 3),
        (1, 2, 0, 5),
        (1, 2, 3, -1),
        (np.nan, 1, 2, 3),
        (1, np.inf, 2, 3),
        "abcd",
        None,
        [[1, 2, 3, 4]],
    ],
)
def test_what_is_no_box_is_named(bbox):
    with pytest.raises(ValueError, match="bbox must be 4 finite numbers"):
        check_bbox(bbox)


@pytest.mark.parametrize(
    ("bbox", "reason"),
    [
        ((10, 10, 1, 1), "at least 2 pixels"),
        ((10, 10, 30, 1), "at least 2 pixels"),
        ((400, 10, 20, 20), "centre inside the 320x240 frame"),
        ((-30, 10, 20, 20), "centre inside"),
        ((10, 10, 400, 20), "must have its centre inside|larger than"),
        ((-100, 10, 400, 20), "larger than the 320x240 frame"),
    ],
)
def test_a_box_that_cannot_be_tracked_is_named(bbox, reason):
    with pytest.raises(ValueError, match=reason):
        check_bbox_in_frame(bbox, (320, 240))


@pytest.mark.parametrize("bbox", [(0, 0, 320, 240), (-5, -5, 20, 20), (310, 230, 15, 15), (5, 5, 2, 2)])
def test_a_box_that_sticks_out_a_little_is_fine(bbox):
    assert check_bbox_in_frame(bbox, (320, 240)).tolist() == list(bbox)
