"""Synthetic sequences: attributes against OTB's definitions, and the recorded pixels."""

import hashlib

import numpy as np
import pytest

from data.datasets.otb import read_otb, write_otb
from data.synthetic.sequence import ATTRIBUTES, synthetic_sequence

SEEDS = range(4)
RECORDED = [[85.49, 91.75, 103.12, 120.7], [90.46, 85.99, 65.81, 77.07], [58.95, 63.28, 86.61, 113.77]]


@pytest.mark.parametrize("size", [(320, 240), (96, 64), (200, 300)])
@pytest.mark.parametrize("attributes", [(), ("SV", "IPR", "DEF"), ("MB", "FM"), ("OV", "OCC", "BC")])
def test_the_first_frame_shows_the_whole_target(size, attributes):
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


def test_pixels_are_those_of_the_day_they_were_recorded():
    """Block means, so that the last bit of another CPU's sine is no failure; OpenCV 4 and 5 alike."""
    frame = synthetic_sequence(0, 50, (64, 48), tuple(ATTRIBUTES)).frame(20)
    blocks = frame.reshape(3, 16, 4, 16, 3).mean(axis=(1, 3, 4))
    np.testing.assert_allclose(blocks, RECORDED, atol=0.5)


def test_an_attribute_leaves_the_rest_of_the_scene_alone():
    plain, scaled = synthetic_sequence(2), synthetic_sequence(2, attributes=("SV", "OCC"))
    np.testing.assert_array_equal(plain.background, scaled.background)
    np.testing.assert_array_equal(plain.target.body.texture, scaled.target.body.texture)


def test_motion_between_frames_is_smooth():
    for seed in SEEDS:
        boxes = synthetic_sequence(seed, 200).bboxes
        speed = np.hypot(*np.diff(boxes[:, :2], axis=0).T)
        assert 1 < speed.max() < 7
        assert np.abs(np.diff(boxes[:, :2], 2, axis=0)).max() < 1
        np.testing.assert_allclose(boxes[:, 2:], boxes[:1, 2:].repeat(200, axis=0))


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
def test_arguments(arguments, said):
    with pytest.raises(ValueError, match=said):
        synthetic_sequence(**arguments)


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
