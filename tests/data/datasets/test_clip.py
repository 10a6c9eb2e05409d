"""A clip: frames and boxes agree, frames may be absent, tags hold frame by frame."""

from pathlib import Path

import numpy as np
import pytest

from data.datasets.clip import Clip, frame_tags
from tests.material.trees import SIZE_WH, write_images

BBOXES = np.array([[1.0, 2, 3, 4]] * 3)


def test_each_frame_has_a_box():
    with pytest.raises(
        ValueError, match=r"bboxes of ball must have a row of 4 for each of its 2 frames, got"
    ):
        Clip("ball", (Path("1.jpg"), Path("2.jpg")), BBOXES)
    with pytest.raises(ValueError, match="must have a row of 4"):
        Clip("ball", (), BBOXES[:, :3])


def test_boxes_alone_are_a_clip_whose_frames_have_no_size():
    clip = Clip("ball", (), BBOXES)
    assert (len(clip), list(clip.frames())) == (3, [])
    assert Clip("ball", (), BBOXES, frame_wh=(64, 48)).read_frame_wh() == (64, 48)
    with pytest.raises(
        ValueError, match="sequence ball has no frames: --root must be the dataset's own folder"
    ):
        clip.read_frame_wh()


def test_the_first_image_says_how_large_the_frames_are(tmp_path):
    write_images(tmp_path, range(3))
    assert Clip("ball", tuple(sorted(tmp_path.iterdir())), BBOXES).read_frame_wh() == SIZE_WH


def test_a_test_set_whose_server_keeps_the_boxes_is_not_public():
    secret = BBOXES.copy()
    secret[1:] = np.nan
    assert (Clip("ball", (), BBOXES).is_public, Clip("ball", (), secret).is_public) == (True, False)


def test_images_beyond_the_last_box_are_counted():
    paths = [Path(f"{number}.jpg") for number in range(5)]
    assert (Clip.matched("ball", paths, BBOXES, Path("boxes.txt")).unannotated, paths[2].name) == (2, "2.jpg")
    with pytest.raises(ValueError, match=r"boxes.txt holds 3 boxes for 2 images: expected 1 to 2 boxes"):
        Clip.matched("ball", paths[:2], BBOXES, Path("boxes.txt"))


@pytest.mark.parametrize("values", [["0", "1 ", "1"], [0, 1, 1], ["0", "1", "1", "1", "1"]])
def test_a_tag_holds_where_there_is_a_1(values):
    assert frame_tags(values, 3).tolist() == [False, True, True]


def test_a_tag_does_not_hold_after_the_last_line():
    assert frame_tags([1], 3).tolist() == [True, False, False]
