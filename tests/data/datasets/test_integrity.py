"""Damage to a dataset is found without decoding it."""

import cv2
import numpy as np
import pytest

from data.datasets.by_name import load_dataset
from data.datasets.integrity import find_problems, image_damage
from tests.material.trees import box_lines, encoded, make_otb, write_images


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_sound_images(tmp_path, suffix):
    (tmp_path / f"a{suffix}").write_bytes(encoded(suffix))
    assert image_damage(tmp_path / f"a{suffix}") is None


def test_a_jpeg_with_bytes_after_its_end_is_sound(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded() + bytes(200))
    assert image_damage(tmp_path / "a.jpg") is None


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("kept", [0, 1, 700])
def test_cut_images(tmp_path, suffix, kept):
    (tmp_path / f"a{suffix}").write_bytes(encoded(suffix)[:kept])
    assert f"a{suffix}" in image_damage(tmp_path / f"a{suffix}")


def test_a_sound_dataset_has_no_problems(tmp_path):
    make_otb(tmp_path, "one")
    make_otb(tmp_path, "two", pattern="{:04d}.png")
    assert list(find_problems(load_dataset("folder", tmp_path))) == []


def test_every_kind_of_problem_is_named_once(tmp_path):
    cut = make_otb(tmp_path, "cut")
    for number in (2, 5):
        (cut / "img" / f"000{number}.jpg").write_bytes(encoded()[:500])
    make_otb(tmp_path, "short", boxes=box_lines(7))
    make_otb(tmp_path, "absent", boxes="nan,nan,nan,nan\n" + box_lines(5))
    grown = make_otb(tmp_path, "grown")
    cv2.imwrite(str(grown / "img" / "0004.jpg"), np.zeros((48, 80, 3), np.uint8))
    make_otb(tmp_path, "outside", boxes="900,900,20,20\n" + box_lines(5))
    problems = dict(find_problems(load_dataset("folder", tmp_path)))
    assert problems.keys() == {"cut", "short", "absent", "grown", "outside"}
    assert "2 of 6 images cannot be read, the first: image is cut short" in problems["cut"]
    assert "7 boxes for 6 images" in problems["short"]
    assert "first frame has no box" in problems["absent"]
    assert "0001.jpg has 64x48 pixels, 0004.jpg has 80x48 pixels" in problems["grown"]
    assert "centre inside the 64x48 frame" in problems["outside"]


def test_a_png_cut_in_its_data_is_damaged(tmp_path):
    image = np.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    content = cv2.imencode(".png", image)[1].tobytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    assert image_damage(tmp_path / "a.png") is not None


def test_boxes_that_may_not_belong_to_their_images(tmp_path):
    make_otb(tmp_path, "sound")
    make_otb(tmp_path, "short", frames=12, boxes=box_lines(5))
    folder = make_otb(tmp_path, "masked", boxes=box_lines(12))
    write_images(folder / "img", range(1, 7), "{:04d}_mask.png")
    folder = make_otb(tmp_path, "doubled", boxes=box_lines(7))
    write_images(folder / "img", [1], "1.jpg")
    assert sorted(find_problems(load_dataset("folder", tmp_path))) == [
        ("doubled", "frame 1 is there twice: 1.jpg and 0001.jpg"),
        ("masked", "frame 1 is there twice: 0001.jpg and 0001_mask.png"),
        ("masked", "images end in .jpg and .png: expected frames of one kind"),
        ("short", "7 of 12 images have no box: expected a box for each image"),
    ]
