"""Several trackers' boxes on one frame: whose is whose, and nothing hidden."""

import numpy as np
import pytest

from experiments.drawing.frames import compare
from experiments.drawing.palette import PALETTE, WHITE, as_hex, colours

TRUTH, HOG, GRAY = np.array([[10, 20, 31, 21], [60, 50, 31, 21], [100, 10, 31, 21]], float)


@pytest.fixture
def image():
    return np.full((120, 160, 3), 90, np.uint8)


def outline(picture, box):
    """Which of the known colours lie along the upper edge of a box; its line is smoothed, hence nearest."""
    x, y, w, _ = box.astype(int)
    known = np.array([*PALETTE, WHITE, (90, 90, 90)])
    distance = np.linalg.norm(picture[y, x : x + w, None].astype(int) - known, axis=2)
    assert distance.min(axis=1).max() < 40
    return {tuple(map(int, known[i])) for i in distance.argmin(axis=1)}


def test_each_box_has_its_own_colour_and_the_true_one_is_dashed(image):
    picture = compare(image, 3, TRUTH, {"hog": HOG, "gray": GRAY})
    assert outline(picture, HOG) == {PALETTE[0]}
    assert outline(picture, GRAY) == {PALETTE[1]}
    assert outline(picture, TRUTH) == {WHITE, (90, 90, 90)}


def test_the_first_tracker_lies_on_top_and_the_truth_lets_it_show(image):
    picture = compare(image, 3, HOG, {"hog": HOG, "gray": HOG})
    assert outline(picture, HOG) == {WHITE, PALETTE[0]}


def test_the_legend_lies_below_the_frame_and_names_the_colours(image):
    picture = compare(image, 3, np.full(4, np.nan), {"hog": HOG})
    assert picture.shape == (144, 160, 3)
    assert (image == 90).all()
    strip = {tuple(map(int, pixel)) for pixel in picture[120:].reshape(-1, 3)}
    assert {WHITE, PALETTE[0]} <= strip
    assert PALETTE[1] not in strip
    changed = (compare(image, 4, np.full(4, np.nan), {"hog": HOG}) != picture).any(axis=2)
    assert changed[120:, 100:].any()  # the frame's number, at its right end
    assert not changed[:120].any()


def test_colours_follow_the_order_of_the_names_and_begin_again():
    chosen = colours("abcdefg")
    assert list(chosen) == list("abcdefg")
    assert len(set(chosen.values())) == len(PALETTE) == 5
    assert chosen["f"] == chosen["a"]
    assert as_hex((0, 158, 115)) == "#009e73"
