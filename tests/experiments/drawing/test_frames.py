"""Several trackers' boxes on one frame: whose is whose, and nothing hidden."""

import numpy as np
import pytest
import torch

from experiments.drawing.frames import annotate, colour_map, draw_bbox, overlay_response
from experiments.drawing.palette import BLACK, PALETTE, WHITE, colours
from tracker import TrackOutput

CHOSEN = colours(["hog", "gray"]) | {"lost": WHITE}
TRUTH, HOG, GRAY = np.array([[10, 20, 31, 21], [60, 50, 31, 21], [100, 10, 31, 21]], float)


@pytest.fixture
def image():
    return np.full((120, 160, 3), 90, np.uint8)


def outline(picture, box):
    """Which of the known colours, but the black edge's, lie along the top of a box; lines are smoothed: the nearest."""
    x, y, w, _ = box.astype(int)
    known = np.array([*PALETTE, WHITE, (90, 90, 90), BLACK])
    distance = np.linalg.norm(picture[y, x + 3 : x + w - 3, None].astype(int) - known, axis=2)
    assert distance.min(axis=1).max() < 60
    return {tuple(map(int, known[i])) for i in distance.argmin(axis=1)} - {BLACK}


def output(bbox, lost=False, peak=0.8):
    response = torch.zeros(1, 1, 9, 9)
    response[0, 0, 4, 4] = peak
    return TrackOutput(
        np.array(bbox, float), score=peak, lost=lost, response=response, response_bbox=np.array(bbox)
    )


def test_each_box_has_its_own_colour_and_that_of_a_lost_target_is_dashed(image):
    picture = annotate(
        image, 3, {"hog": output(HOG), "gray": output(GRAY), "lost": output(TRUTH, lost=True)}, CHOSEN
    )
    assert outline(picture, HOG) == {CHOSEN["hog"]}
    assert outline(picture, GRAY) == {CHOSEN["gray"]}
    assert outline(picture, TRUTH) == {WHITE, (90, 90, 90)}


def test_the_first_tracker_lies_on_top_and_a_dashed_box_lets_it_show(image):
    picture = annotate(image, 3, {"hog": output(HOG), "gray": output(HOG)}, CHOSEN)
    draw_bbox(picture, HOG, WHITE, dashed=True)
    assert outline(picture, HOG) == {WHITE, CHOSEN["hog"]}


@pytest.mark.parametrize("level", [0, 90, 158, 255])
@pytest.mark.parametrize("colour", PALETTE)
def test_a_box_stands_out_from_any_background(level, colour):
    """Along its line there are always two neighbouring rows far apart in brightness, whatever lies behind."""
    picture = np.full((480, 640, 3), level, np.uint8)
    draw_bbox(picture, (100, 100, 200, 100), colour)
    across = picture[92:110, 200].astype(int) @ (0.299, 0.587, 0.114)
    assert np.ptp(across) > 60


def test_names_stand_at_the_boxes_of_several_tracks():
    picture = np.full((240, 320, 3), 90, np.uint8)
    outputs = {"car": output((40, 60, 60, 40)), "bus": output((180, 2, 60, 40), lost=True)}
    drawn = annotate(picture, 7, outputs, {"car": PALETTE[0], "bus": PALETTE[1]})
    assert (drawn[50, 41] == PALETTE[0]).all()  # the plate above
    assert (drawn[46, 181] == PALETTE[1]).all()  # without room above, below
    assert (picture == 90).all()


def test_no_name_lies_over_another():
    picture = np.full((240, 320, 3), 90, np.uint8)
    names = ["fast", "hog", "gray", "mine"]
    drawn = annotate(picture, 7, {name: output((100, 90, 60, 40)) for name in names}, colours(names))
    for colour in colours(names).values():
        plate = (drawn == colour).all(axis=2)[:, 101]
        assert plate.sum() > 8  # its left edge, whole


def test_the_scale_says_what_the_colours_of_a_response_mean():
    picture = np.full((240, 320, 3), 90, np.uint8)
    drawn = overlay_response(picture, 7, {"car": output((40, 60, 60, 40))})
    ramp = drawn[61:179, 311].astype(int)
    expected = colour_map(np.linspace(0.8, 0, 120, dtype=np.float32)[:, None])[1:119, 0].astype(int)
    assert np.abs(ramp - expected).max() <= 12
    assert (drawn[60:180, 270:308] > 180).any()  # its numbers
    again = overlay_response(picture, 7, {"car": output((40, 60, 60, 40), peak=0.4)})
    assert (again[:, 270:308] != drawn[:, 270:308]).any()
