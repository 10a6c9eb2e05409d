"""Clips that are held out never train, whatever source, link, spelling or copy they come by."""

import json
import shutil

import cv2
import numpy as np
import pytest

from data.datasets.otb import read_otb, read_otb_root, write_otb
from data.pairs.held_out import HeldOut
from data.synthetic.sequence import synthetic_sequence
from experiments.__main__ import main
from experiments.train.data import build_pairs
from experiments.train.settings import DataSettings

NAMES = ["clip0", "clip1", "clip2"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    root = tmp_path_factory.mktemp("clips")
    for number, name in enumerate(NAMES):
        write_otb(synthetic_sequence(number, 3, (64, 48)), root / name, ".jpg")
    return root


def trained_on(source, held_out):
    (source,) = build_pairs(DataSettings(sources=(source,)), held_out, length=4).sources
    return [source.clips[number].name for number in range(len(source.clips))]


@pytest.fixture
def held_out(clips):
    return HeldOut(read_otb(clips / "clip1"))


def test_every_spelling_of_a_path(clips, held_out, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(clips)
    monkeypatch.chdir(tmp_path)
    for root in (clips, tmp_path / "link", "link", f"{clips}/clip0/..", "./link/clip0/.."):
        assert trained_on(f"folder:{root}", held_out) == ["clip0", "clip2"]
    assert held_out.met == {"clip1"}


def test_a_copy_under_another_name(clips, held_out, tmp_path):
    shutil.copytree(clips, tmp_path / "copy")
    (tmp_path / "copy" / "clip1").rename(tmp_path / "copy" / "other")
    assert trained_on(f"folder:{tmp_path / 'copy'}", held_out) == ["clip0", "clip2"]


def test_the_same_folder_from_a_later_frame_on(clips, tmp_path):
    """As OTB's David, which its official list begins at frame 300."""
    shutil.copytree(clips / "clip1", tmp_path / "clip1")
    held_out = HeldOut(read_otb(tmp_path / "clip1"))
    cut = read_otb(tmp_path / "clip1")[0]
    object.__setattr__(cut, "paths", cut.paths[1:])
    assert held_out.has_clip(cut)


def test_shards(clips, held_out, tmp_path):
    command = ["prepare", "--dataset", "folder", "--root", str(clips), "--output", str(tmp_path / "out")]
    assert main(command) == 0
    assert trained_on(f"shards:{tmp_path / 'out'}", None) == NAMES
    assert trained_on(f"shards:{tmp_path / 'out'}", held_out) == ["clip0", "clip2"]


def test_still_images_that_are_frames(clips, held_out, tmp_path):
    for name in NAMES:
        shutil.copyfile(clips / name / "img" / "0002.jpg", tmp_path / f"{name}.jpg")
    for root in (tmp_path, clips):
        (source,) = build_pairs(DataSettings(sources=(f"images:{root}",)), held_out, length=4).sources
        files = [bytes(file).decode() for file in source.files]
        assert {name for name in NAMES if any(name in file for file in files)} == {"clip0", "clip2"}
    annotated = {
        "images": [
            {"id": i, "file_name": f"{name}.jpg", "width": 64, "height": 48} for i, name in enumerate(NAMES)
        ],
        "annotations": [{"image_id": i, "bbox": [10, 10, 20 + i, 20]} for i in range(3)],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(annotated))
    (source,) = build_pairs(
        DataSettings(sources=(f"coco:{tmp_path}/boxes.json",)), held_out, length=4
    ).sources
    assert source.bboxes[:, 2].tolist() == [20, 22]
    assert len(source.sizes_wh) == 2


def test_other_clips_of_one_size_are_kept(tmp_path):
    for name, level in (("a", 0), ("b", 255)):  # files of as many bytes
        folder = tmp_path / name
        (folder / "img").mkdir(parents=True)
        cv2.imwrite(str(folder / "img" / "1.bmp"), np.full((32, 32, 3), level, np.uint8))
        (folder / "groundtruth_rect.txt").write_text("5,5,9,9\n")
    sizes = {(tmp_path / name / "img" / "1.bmp").stat().st_size for name in "ab"}
    assert len(sizes) == 1
    held_out = HeldOut(read_otb(tmp_path / "a"))
    assert [held_out.has_clip(clip) for clip in read_otb_root(tmp_path)] == [True, False]


def test_nothing_left_is_said(clips):
    with pytest.raises(ValueError, match="not held out"):
        trained_on(f"folder:{clips}", HeldOut(read_otb_root(clips)))
