"""Sources of pairs: which frames and boxes they choose."""

import pickle

import numpy as np
import pytest

from data.datasets.clip import Clip
from data.datasets.otb import read_otb_root
from data.pairs.settings import GeometricJitter
from data.pairs.sources import ClipSource, FolderClip, StillSource, SyntheticSource, salient_bbox
from tests.material.clips import dataset, make_clip, same
from tests.material.trees import make_otb

NONE = GeometricJitter(shift=0, scale=0, aspect=0, flip=0)


def test_frames_without_a_target_are_left_out(tmp_path):
    absent = [np.nan] * 4
    clip = make_clip(tmp_path / "clip", [absent, [50, 40, 20, 20], absent, [60, 40, 20, 20], absent])
    pairs = dataset(ClipSource.of([clip]))
    assert {pairs[index].source for index in range(40)} == {
        "clip/0001.png -> clip/0003.png",
        "clip/0003.png -> clip/0001.png",
    }


def test_the_frames_are_different_and_not_too_far_apart(tmp_path):
    clip = FolderClip.of(make_clip(tmp_path / "clip", [[50, 40, 20, 20]] * 30))
    source, gaps = ClipSource([clip], max_gap=5), set()
    for seed in range(400):
        views = source.draw(np.random.default_rng(seed))
        first, second = (int(view.name[5:9]) for view in (views.template, views.search))
        gaps.add(second - first)
    assert gaps == {*range(-5, 6)} - {0}


def test_clips_without_any_target_are_no_training_data(tmp_path):
    empty = make_clip(tmp_path / "empty", [[np.nan] * 4] * 3)
    full = make_clip(tmp_path / "full", [[50, 40, 20, 20]] * 3)
    assert len(ClipSource.of([empty, full]).clips) == 1
    with pytest.raises(ValueError, match="at least one frame with a box"):
        ClipSource.of([empty])


def test_the_place_in_a_still_is_where_texture_is():
    image = np.full((200, 300, 3), 128, np.uint8)
    image[:, 200:] = np.random.default_rng(0).integers(0, 256, (200, 100, 3))
    boxes = np.array([salient_bbox(image, np.random.default_rng(seed)) for seed in range(200)])
    assert (boxes >= (0, 0, 1, 1)).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= (300, 200)).all()
    assert np.mean(boxes[:, 0] + boxes[:, 2] > 200) > 0.85  # a box at random: less than half
    assert np.sqrt(boxes[:, 2] * boxes[:, 3]).min() >= 0.1 * 200 - 1e-9


def test_empty_roots_say_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no image"):
        StillSource.of_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        StillSource.of_folder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="holds no sequence"):
        read_otb_root(tmp_path)


def test_synthetic_targets_are_in_their_boxes():
    """The target is drawn over the background, so that the colour in the box differs from that around it."""
    pairs = dataset(SyntheticSource(count=2, jitter=NONE))
    again = dataset(SyntheticSource(count=2, jitter=NONE))
    assert all(same(pairs[index], again[index]) for index in range(4))
    assert len({pairs[index].source for index in range(8)}) > 4


def test_an_otb_folder_is_a_source(tmp_path):
    make_otb(tmp_path, "Car4")
    pairs = dataset(ClipSource.of(read_otb_root(tmp_path)), crop_size=32)
    assert pairs[0].source.startswith("Car4/000")


def test_a_dataset_travels_to_a_worker_as_little_data(tmp_path):
    """A worker gets names and boxes: arrays, no object a frame."""
    clip = make_clip(tmp_path / "clip", [[50, 40, 20, 20]])
    long = Clip("long", clip.paths * 10_000, np.repeat(clip.bboxes, 10_000, axis=0))
    assert len(pickle.dumps(ClipSource.of([long]))) < 10_000 * (32 + 8 + len("0000.png")) + 2_000
