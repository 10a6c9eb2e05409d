"""Overlaps of polygons against shapely's, and of boxes against the rule for boxes."""

import numpy as np
import pytest
from shapely.geometry import Polygon, box

from data.boxes import bbox_iou
from data.polygons import area, corners_of, polygon_iou


def turned(rng, count):
    """Rectangles of random size, place, angle and direction, as rows of corners."""
    size, center = rng.uniform(4, 40, (count, 1, 2)), rng.uniform(10, 60, (count, 1, 2))
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size / 2
    angle = rng.uniform(0, 2 * np.pi, count)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1)
    corners = corners @ turn + center
    corners[::3] = corners[::3, ::-1]
    return corners.reshape(count, 8)


@pytest.mark.parametrize("frame_wh", [None, (50, 40)])
def test_turned_rectangles_overlap_as_shapely_says(frame_wh):
    rng = np.random.default_rng(0)
    first, second = turned(rng, 700), turned(rng, 700)
    second[:5] = first[:5]
    second[5] = np.nan
    found = polygon_iou(first, second, frame_wh)
    for index in (*range(5), *range(6, 700)):
        one, other = (Polygon(row[index].reshape(4, 2)) for row in (first, second))
        if frame_wh is not None:
            frame = box(-1, -1, frame_wh[0] - 1, frame_wh[1] - 1)
            one, other = one.intersection(frame), other.intersection(frame)
        union = one.union(other).area
        if union > 1e-9:
            assert found[index] == pytest.approx(one.intersection(other).area / union, abs=1e-9)
    assert np.isnan(found[5])


def test_upright_boxes_overlap_as_boxes_do():
    rng = np.random.default_rng(1)
    first, second = rng.uniform(1, 30, (2, 50, 4))
    np.testing.assert_allclose(polygon_iou(first, second), bbox_iou(first, second), atol=1e-12)
    np.testing.assert_allclose(area(corners_of(first)), first[:, 2] * first[:, 3])


def test_none_at_all():
    assert polygon_iou(np.empty((0, 8)), np.empty((0, 8))).shape == (0,)
