"""Synthetic sequences: boxes against pixels, attributes against definitions, the same pixels always."""

import hashlib
import tracemalloc
from dataclasses import replace

import cv2
import numpy as np
import pytest

from data.datasets.otb import read_otb, write_otb
from data.synthetic.bodies import Body, Pose
from data.synthetic.scene import GRAIN_ZERO
from data.synthetic.sequence import ATTRIBUTES, synthetic_sequence

SEEDS = range(4)
RECORDED = [[85.49, 91.75, 103.12, 120.7], [90.46, 85.99, 65.81, 77.07], [58.95, 63.28, 86.61, 113.77]]


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


class TestBody:
    @pytest.mark.parametrize("angle", [0.0, 0.4, np.pi / 2, -2.0])
    @pytest.mark.parametrize("centre", [(50.0, 40.0), (50.3, 40.85)])
    def test_an_ellipse_has_the_box_and_area_of_the_formula(self, angle, centre):
        a, b = 21.0, 13.0
        body = Body((a, b), np.full((8, 8, 3), 200, np.float32))
        pose = Pose(*centre, angle=angle)
        half_w, half_h = (
            np.hypot(a * np.cos(angle), b * np.sin(angle)),
            np.hypot(a * np.sin(angle), b * np.cos(angle)),
        )
        expected = (centre[0] - half_w + 0.5, centre[1] - half_h + 0.5, 2 * half_w, 2 * half_h)
        np.testing.assert_allclose(body.bbox(pose), expected, atol=2e-3)
        mask = body.coverage((100, 80), [pose])
        assert mask.sum() == pytest.approx(np.pi * a * b, rel=2e-3)
        columns, rows = mask.sum(axis=0), mask.sum(axis=1)
        assert columns @ np.arange(100) / mask.sum() == pytest.approx(centre[0], abs=0.01)
        assert rows @ np.arange(80) / mask.sum() == pytest.approx(centre[1], abs=0.01)

    def test_a_square_on_pixel_borders_covers_exactly_its_box(self):
        """Pixels 10…29 and 20…39: x 10, y 20, w 20, h 20 in the 0-based rule."""
        body = Body((10.0, 10.0), np.full((8, 8, 3), 255, np.float32), roundness=60.0)
        pose = Pose(19.5, 29.5)
        np.testing.assert_allclose(body.bbox(pose), [10, 20, 20, 20], atol=1e-3)
        covered = body.coverage((60, 60), [pose]) > 0.5
        assert covered[20:40, 12:28].all()
        assert covered[22:38, 10:30].all()
        assert not covered[:, :10].any()
        assert not covered[:, 30:].any()
        assert not covered[:20].any()
        assert not covered[40:].any()

    def test_scale_and_shift_act_on_the_box_as_written(self):
        body = Body((8.0, 6.0), np.zeros((8, 8, 3), np.float32), 3.0, (0.05, -0.04), (1.0, 2.0))
        x, y, w, h = body.bbox(Pose(0, 0))
        np.testing.assert_allclose(
            body.bbox(Pose(7.25, -3.5, scale=2.0)),
            [7.25 + 2 * (x - 0.5) + 0.5, -3.5 + 2 * (y - 0.5) + 0.5, 2 * w, 2 * h],
        )

    def test_the_texture_is_where_the_body_is(self):
        texture = np.zeros((40, 80, 3), np.float32)
        texture[:20, :, 0] = texture[20:, :, 2] = 250  # red above, blue below
        body = Body((20.0, 20.0), texture)
        upright, turned = (np.zeros((60, 60, 3), np.uint8) for _ in range(2))
        body.draw(upright, [Pose(30, 30)])
        body.draw(turned, [Pose(30, 30, angle=np.pi / 2)])  # clockwise: what was above is on the right
        assert upright[20, 30, 0] > 150 > 20 > upright[20, 30, 2]
        assert upright[40, 30, 2] > 120 > 20 > upright[40, 30, 0]
        assert turned[30, 40, 0] > 120 > 20 > turned[30, 40, 2]
        assert turned[30, 20, 2] > 120 > 20 > turned[30, 20, 0]


class TestBoxes:
    @pytest.mark.parametrize("attributes", [(), ("SV", "IPR"), ("DEF", "OPR"), ("LR",), ("OCC", "IV")])
    @pytest.mark.parametrize("seed", SEEDS)
    def test_boxes_agree_with_the_mask_to_a_fraction_of_a_pixel(self, seed, attributes):
        sequence = synthetic_sequence(seed, attributes=attributes)
        for index in range(0, 100, 9):
            measured = mask_extent(sequence.mask(index))
            np.testing.assert_allclose(sequence.bbox(index), measured, atol=0.06)

    @pytest.mark.parametrize("attributes", [(), ("SV", "IPR", "OPR")])
    @pytest.mark.parametrize("seed", SEEDS)
    def test_boxes_agree_with_the_pixels_of_the_frames(self, seed, attributes):
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

    def test_bboxes_has_a_row_for_every_frame(self):
        sequence = synthetic_sequence(3, length=7, attributes=("SV",))
        assert sequence.bboxes.shape == (7, 4)
        assert sequence.bboxes.dtype == np.float64
        np.testing.assert_array_equal(sequence.bboxes[5], sequence.bbox(5))

    @pytest.mark.parametrize("size", [(320, 240), (96, 64), (200, 300)])
    @pytest.mark.parametrize("attributes", [(), ("SV", "IPR", "DEF"), ("MB", "FM"), ("OV", "OCC", "BC")])
    def test_the_first_frame_shows_the_whole_target(self, size, attributes):
        for seed in range(10):
            sequence = synthetic_sequence(seed, 2, size, attributes)
            x, y, w, h = sequence.bbox(0)
            assert min(x, y) > -0.5
            assert x + w <= size[0]
            assert y + h <= size[1]
            if sequence.occluder:
                pose = sequence.occluder.pose(0, sequence.target.pose(0))
                hidden = sequence.occluder.body.coverage(size, [pose]) * sequence.mask(0)
                assert hidden.max() == 0


class TestFrames:
    @pytest.mark.parametrize("attributes", [(), tuple(ATTRIBUTES)])
    def test_the_same_seed_gives_the_same_pixels_in_any_order(self, attributes):
        first, second = (synthetic_sequence(5, 30, (160, 120), attributes) for _ in range(2))
        forward = list(first.frames())
        assert len(forward) == len(first) == 30
        for index in (29, 3, 17):
            np.testing.assert_array_equal(second.frame(index), forward[index])
        assert not np.array_equal(synthetic_sequence(6, 30, (160, 120), attributes).frame(0), forward[0])
        assert forward[0].dtype == np.uint8
        assert forward[0].shape == (120, 160, 3)

    def test_pixels_are_those_of_the_day_they_were_recorded(self):
        """Block means, so that the last bit of another CPU's sine is no failure; OpenCV 4 and 5 alike."""
        frame = synthetic_sequence(0, 50, (64, 48), tuple(ATTRIBUTES)).frame(20)
        blocks = frame.reshape(3, 16, 4, 16, 3).mean(axis=(1, 3, 4))
        np.testing.assert_allclose(blocks, RECORDED, atol=0.5)

    def test_an_attribute_leaves_the_rest_of_the_scene_alone(self):
        plain, scaled = synthetic_sequence(2), synthetic_sequence(2, attributes=("SV", "OCC"))
        np.testing.assert_array_equal(plain.background, scaled.background)
        np.testing.assert_array_equal(plain.target.body.texture, scaled.target.body.texture)

    def test_grey_is_three_equal_channels(self):
        frame = synthetic_sequence(1, size=(64, 48), colour=False).frame(3)
        assert frame.shape == (48, 64, 3)
        assert np.ptp(frame, axis=2).max() == 0
        assert np.ptp(synthetic_sequence(1, size=(64, 48)).frame(3), axis=2).max() > 0

    def test_a_long_sequence_costs_no_memory(self):
        sequence = synthetic_sequence(1, 10**9, (64, 48), ("SV",))
        sequence.frame(0)
        tracemalloc.start()
        for index in range(0, 10**9, 10**7):
            sequence.frame(index)
        assert tracemalloc.get_traced_memory()[0] < 100_000
        tracemalloc.stop()
        assert np.isfinite(sequence.bbox(10**9 - 1)).all()

    def test_motion_between_frames_is_smooth(self):
        for seed in SEEDS:
            boxes = synthetic_sequence(seed, 200).bboxes
            speed = np.hypot(*np.diff(boxes[:, :2], axis=0).T)
            assert 1 < speed.max() < 7
            assert np.abs(np.diff(boxes[:, :2], 2, axis=0)).max() < 1
            np.testing.assert_allclose(boxes[:, 2:], boxes[:1, 2:].repeat(200, axis=0))

    def test_given_images_are_what_is_seen(self):
        noise = np.random.default_rng(0).integers(0, 255, (80, 100, 1), np.uint8)
        red = np.dstack([noise, noise * 0, noise * 0])
        frame = synthetic_sequence(0, size=(64, 48), textures=[red]).frame(0)
        assert frame[..., 0].mean() > 60
        assert frame[..., 1:].mean() < 12


class TestAttributes:
    """Each one by OTB's definition, on every seed tried."""

    @pytest.mark.parametrize("seed", SEEDS)
    def test_scale_rotation_and_size(self, seed):
        scaled = synthetic_sequence(seed, 200, attributes=("SV",)).bboxes
        ratio = np.sqrt(scaled[:, 2:].prod(axis=1) / scaled[0, 2:].prod())
        assert max(ratio.max(), 1 / ratio.min()) > 2
        turned = synthetic_sequence(seed, 200, attributes=("IPR",))
        angles = [turned.target.pose(index).angle for index in range(200)]
        assert np.ptp(angles) > np.pi / 2
        small = synthetic_sequence(seed, 200, attributes=("LR", "SV", "IPR")).bboxes
        assert small[:, 2:].prod(axis=1).max() < 400

    @pytest.mark.parametrize("seed", SEEDS)
    def test_fast_motion_and_blur(self, seed):
        fast = synthetic_sequence(seed, 100, attributes=("FM",)).bboxes
        assert np.hypot(*np.diff(fast[:, :2], axis=0).T).max() > 20
        sharp, blurred = (synthetic_sequence(seed, 60, attributes=a) for a in (("FM",), ("FM", "MB")))
        index = int(np.argmax(np.hypot(*np.diff(sharp.bboxes[:60, :2], axis=0).T)))
        partly = [
            np.mean((mask > 0.05) & (mask < 0.95)) for mask in (s.mask(index) for s in (sharp, blurred))
        ]
        assert partly[1] > 2 * partly[0]
        np.testing.assert_array_equal(sharp.bbox(index), blurred.bbox(index))

    @pytest.mark.parametrize("seed", SEEDS)
    def test_out_of_view_is_nan_and_it_comes_back(self, seed):
        sequence = synthetic_sequence(seed, 400, attributes=("OV",))
        absent = np.isnan(sequence.bboxes).any(axis=1)
        assert 0 < absent.sum() < 200
        assert np.isnan(sequence.bboxes[absent]).all()
        assert not absent[0]
        changes = np.flatnonzero(np.diff(absent.astype(int)))
        assert len(changes) >= 2
        for index in (changes[0], changes[0] + 1):
            assert (sequence.mask(index).max() == 0) == absent[index]

    @pytest.mark.parametrize("seed", SEEDS)
    def test_occlusion_hides_most_of_the_target_and_passes(self, seed):
        sequence = synthetic_sequence(seed, 120, attributes=("OCC",))
        shares = []
        for index in range(120):
            pose = sequence.occluder.pose(index, sequence.target.pose(index))
            mask = sequence.mask(index)
            shares.append((sequence.occluder.body.coverage((320, 240), [pose]) * mask).sum() / mask.sum())
        assert max(shares) > 0.75
        assert np.mean(np.array(shares) > 0.02) < 0.5
        assert not np.isnan(sequence.bboxes).any()

    @pytest.mark.parametrize("seed", SEEDS)
    def test_illumination_deformation_turning_and_clutter(self, seed):
        light = synthetic_sequence(seed, 100, attributes=("IV",))
        levels = [light.frame(index).mean() for index in range(0, 100, 10)]
        assert max(levels) > 1.4 * min(levels)
        bent = synthetic_sequence(seed, 60, attributes=("DEF",)).bboxes
        assert np.ptp(bent[:, 2] / bent[:, 3]) > 0.08
        still, turning = (synthetic_sequence(seed, 60, attributes=a) for a in ((), ("OPR",)))
        np.testing.assert_array_equal(still.bboxes, turning.bboxes)
        inside = turning.mask(40) > 0.99
        change = np.abs(turning.frame(40)[inside].astype(int) - still.frame(40)[inside]).mean()
        assert change > 10
        assert len(synthetic_sequence(seed, 60, attributes=("BC",)).passers) == 3


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"attributes": ["ipr"]}, "unknown attribute 'ipr', did you mean 'IPR'"),
            ({"attributes": ["OCCLUSION"]}, "did you mean 'OCC'"),
            ({"length": 0}, "length must be 1 or more"),
            ({"size": (320, 20)}, "at least 32 pixels"),
            ({"textures": [np.zeros((5, 5), np.uint8)]}, "uint8 RGB"),
            ({"textures": [np.zeros((5, 5, 3))]}, "float64"),
        ],
    )
    def test_arguments(self, arguments, said):
        with pytest.raises(ValueError, match=said):
            synthetic_sequence(**arguments)

    def test_frames_outside_the_sequence(self):
        sequence = synthetic_sequence(0, 5, (64, 48))
        for index in (-1, 5):
            with pytest.raises(IndexError, match=r"0…4"):
                sequence.frame(index)


def test_written_and_read_again_it_is_the_same_sequence(tmp_path):
    made = synthetic_sequence(4, 200, (64, 48), ("OV", "IV"))
    write_otb(made, tmp_path / made.name)
    (read,) = read_otb(tmp_path / "synthetic_4_IV_OV")
    assert (read.name, read.attributes, len(read)) == (made.name, ("IV", "OV"), 200)
    np.testing.assert_allclose(read.bboxes, made.bboxes, atol=6e-4)
    digests = [hashlib.sha256(np.stack(list(each.frames()))).digest() for each in (read, made)]
    assert digests[0] == digests[1]
    with pytest.raises(FileExistsError, match="not empty"):
        write_otb(made, tmp_path / made.name)
    with pytest.raises(ValueError, match="suffix"):
        write_otb(made, tmp_path / "other", ".mp4")


@pytest.mark.real
def test_real_images_as_textures(shared):
    images = [
        cv2.imread(str(path))[..., ::-1] for path in sorted((shared / "train" / "images").iterdir())[:6]
    ]
    frame = synthetic_sequence(0, textures=images).frame(9)
    assert frame.std() > 20
