"""Crops of pairs: the box is where the target is."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image as PILImage

from data.images import decode_bgr
from data.pairs.coco import read_coco
from data.pairs.crops import render
from data.pairs.dataset import PairDataset
from data.pairs.settings import GeometricJitter
from data.pairs.sources import ClipSource, StillSource
from tests.material.clips import bright_box, dataset, make_clip

STRONG = GeometricJitter(shift=0.6, scale=0.2, aspect=0.2, flip=0.5)


NONE = GeometricJitter(shift=0, scale=0, aspect=0, flip=0)


@pytest.mark.parametrize(
    ("size_wh", "target_wh", "suffix"),
    [
        ((160, 120), (20, 14), ".bmp"),  # enlarged
        ((400, 400), (60, 80), ".bmp"),  # shrunk a little
        ((1600, 1600), (300, 260), ".bmp"),  # shrunk a lot
        ((801, 803), (120, 160), ".jpg"),  # decoded at half its odd size
        ((1605, 1603), (300, 260), ".jpg"),  # at a quarter
    ],
)
def test_the_box_is_where_the_target_is(tmp_path, size_wh, target_wh, suffix):
    place = (np.array(size_wh) - target_wh) // 2
    clip = make_clip(tmp_path / "clip", [[*place, *target_wh], [*(place + 7), *target_wh]], size_wh, suffix)
    pairs = dataset(ClipSource.of([clip], jitter=STRONG), 24, search_area_scale=4.0)
    for pair in (pairs[index] for index in range(12)):
        for crop, bbox in ((pair.template, pair.template_bbox), (pair.search, pair.search_bbox)):
            if (bbox[:2] > 1).all() and (bbox[:2] + bbox[2:] < 127).all():
                assert bright_box(crop) == pytest.approx(bbox, abs=0.35)
    assert np.std([pairs[index].search_bbox[2] for index in range(12)]) > 2  # or nothing was tried


def test_the_template_is_centred(tmp_path):
    clip = make_clip(tmp_path / "clip", [[50, 40, 30, 40], [60, 30, 41, 27]])
    pairs = dataset(ClipSource.of([clip], jitter=STRONG))
    for pair in (pairs[index] for index in range(20)):
        x, y, w, h = pair.template_bbox
        pixel = 128 / (3 * np.sqrt(30 * 40))  # the crop lies on whole pixels of the image
        assert (x + (w - 1) / 2, y + (h - 1) / 2) == pytest.approx((63.5, 63.5), abs=pixel / 2 + 0.1)
        assert np.sqrt(w * h) == pytest.approx(128 / 3, rel=0.01)


def test_without_jitter_both_crops_of_a_frame_are_equal(tmp_path):
    clip = make_clip(tmp_path / "clip", [[50, 40, 30, 40]])
    pair = dataset(ClipSource.of([clip], jitter=NONE))[0]
    assert np.array_equal(pair.template, pair.search)
    assert np.array_equal(pair.template_bbox, pair.search_bbox)


def test_colours_are_rgb(tmp_path):
    red = np.zeros((60, 60, 3), np.uint8)
    red[..., 2] = 255  # BGR, as OpenCV writes it
    cv2.imwrite(str(tmp_path / "red.png"), red)
    pair = dataset(StillSource.of_folder(tmp_path))[0]
    assert pair.template[64, 64].tolist() == pair.search[64, 64].tolist() == [255, 0, 0]


def test_a_target_of_one_pixel(tmp_path):
    clip = make_clip(tmp_path / "clip", [[50, 40, 1, 1], [52, 41, 1, 1]])
    pairs = dataset(ClipSource.of([clip], jitter=STRONG))
    for pair in (pairs[index] for index in range(20)):
        assert pair.search.shape == (128, 128, 3)
        assert np.isfinite(pair.search_bbox).all()
        assert (pair.search_bbox[2:] > 8).all()


def test_a_photograph_is_decoded_no_larger_than_it_is_seen(tmp_path, monkeypatch):
    image = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 256, (900, 1100, 3), dtype=np.uint8), (0, 0), 9
    )
    cv2.imwrite(str(tmp_path / "photo.jpg"), image)
    reduced = []

    def decode(data, name, reduce, **more):
        reduced.append(reduce)
        return decode_bgr(data, name, reduce, **more)

    monkeypatch.setattr("data.pairs.crops.decode_bgr", decode)
    pair = dataset(StillSource.of_folder(tmp_path, jitter=NONE, background=0), crop_size=64)[0]
    assert reduced == [4]  # 900 / (3 * 64) = 4.7
    assert np.array_equal(pair.template, pair.search)
    assert np.sqrt(pair.template_bbox[2:].prod()) == pytest.approx(64 / 3, rel=0.05)


class TestTurnedPictures:
    """A bright target on black, its picture stored upright or turned by EXIF, its box drawn on either."""

    STORED_WH = (120, 80)

    def source(self, root, orientation, size_wh, box):
        root.mkdir()
        stored = np.zeros((80, 120, 3), np.uint8)
        stored[10:30, 20:50] = 255  # box 20, 10, 30, 20 in stored pixels
        exif = PILImage.Exif()
        exif[274] = orientation
        PILImage.fromarray(stored).save(root / "x.jpg", exif=exif, quality=95)
        image = {"id": 1, "file_name": "x.jpg", "width": size_wh[0], "height": size_wh[1]}
        (root / "boxes.json").write_text(
            json.dumps({"images": [image], "annotations": [{"image_id": 1, "bbox": list(box), "id": 1}]})
        )
        return read_coco(root / "boxes.json", background=0.0, jitter=GeometricJitter(0, 0, 0, 0))

    @pytest.mark.parametrize(
        ("orientation", "size_wh", "box"),
        [
            (1, STORED_WH, (20, 10, 30, 20)),
            (6, STORED_WH, (20, 10, 30, 20)),  # drawn on the stored pixels
            (8, STORED_WH, (20, 10, 30, 20)),
            (6, STORED_WH[::-1], (80 - 30, 20, 20, 30)),  # on those turned clockwise
            (8, STORED_WH[::-1], (10, 120 - 50, 20, 30)),  # and counterclockwise
        ],
    )
    def test_the_crop_shows_the_target_where_its_box_is(self, tmp_path, orientation, size_wh, box):
        pair = PairDataset([(self.source(tmp_path / "x", orientation, size_wh, box), 1.0)], 4, crop_size=64)[
            0
        ]
        assert not pair.skipped
        assert bright_box(pair.template) == pytest.approx(pair.template_bbox, abs=1)

    @pytest.mark.parametrize(
        ("orientation", "size_wh", "said"),
        [
            (3, STORED_WH, "is turned by its EXIF .* does not tell"),
            (1, STORED_WH[::-1], "is 120x80 pixels, its annotations are for 80x120"),
            (6, (240, 160), "is 80x120 pixels, its annotations are for 240x160"),
        ],
    )
    def test_what_cannot_be_told_is_left_out_and_said(self, tmp_path, orientation, size_wh, said):
        source = self.source(tmp_path / "x", orientation, size_wh, (20, 10, 30, 20))
        data = (tmp_path / "x" / "x.jpg").read_bytes()
        with pytest.raises(ValueError, match=rf"x\.jpg {said}"):
            render(source.draw(np.random.default_rng(0)), AllTheSame(data), np.random.default_rng(0), 64, 4.0)


class AllTheSame(dict):
    """The same content for every image."""

    def __init__(self, content):
        self.content = content

    def __getitem__(self, _):
        return self.content
