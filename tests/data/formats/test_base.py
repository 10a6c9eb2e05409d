"""Each format written and read again, and what every one of them refuses."""

from pathlib import Path

import numpy as np
import pytest

import data.formats
from data.formats import list_formats, read_tracks, write_tracks
from data.track_result import TrackResult
from tests.material.tracks import make_tracks

BELIEVED_ONLY = {"mot", "label-studio"}
SCORES = {"mot", "coco", "cvat", "csv"}
LABELS = {"coco", "cvat", "csv", "label-studio", "got10k"}
NAMES = {"coco", "cvat", "csv", "label-studio"}


def written(folder, format, results):
    files = write_tracks(folder, format, results)
    return folder if format in ("otb", "got10k") else files[0]


def test_every_file_of_the_folder_is_a_format():
    files = {path.stem.replace("_", "-") for path in Path(data.formats.__file__).parent.glob("*.py")}
    assert set(list_formats()) == files - {"--init--", "base"}


@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize("format", list_formats())
def test_what_is_written_is_read(tmp_path, format, images):
    tracks = make_tracks(images=images)
    back = read_tracks(written(tmp_path, format, tracks), format)
    assert len(back) == 2
    if format in ("otb", "got10k"):  # read in the order of their files' names
        back.sort(key=lambda one: one.name != "car")
    for one, again in zip(tracks, back, strict=True):
        kept = one.present if format in BELIEVED_ONLY else ~np.isnan(one.bboxes[:, 0])
        believed = ~np.isnan(again.bboxes[:, 0])
        if format in ("cvat", "got10k"):  # these say of a frame without a row that the target is not there
            believed &= np.isin(again.frames, one.frames[kept])
        np.testing.assert_array_equal(again.frames[believed], one.frames[kept])
        np.testing.assert_allclose(again.bboxes[believed], one.bboxes[kept], atol=2e-3)
        if format not in BELIEVED_ONLY | {"otb"}:
            np.testing.assert_array_equal(again.lost[believed], one.lost[kept])
        if format in SCORES and one.name == "car":
            np.testing.assert_allclose(again.scores[believed], one.scores[kept], atol=1e-4)
        if format in LABELS:
            assert again.label == one.label
        if format in NAMES:
            assert again.name == one.name
        if images and format in ("coco", "csv", "label-studio"):
            kept_names = [name for name, keep in zip(one.image_names, kept, strict=True) if keep]
            assert [n for n, keep in zip(again.image_names, believed, strict=True) if keep] == kept_names


@pytest.mark.parametrize("format", list_formats())
def test_no_file_leaves_the_folder(tmp_path, format):
    folder = tmp_path / "inside"
    files = write_tracks(folder, format, make_tracks())
    assert all(folder in path.resolve().parents for path in files)
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]
    assert not list(folder.rglob("*.partial*"))


@pytest.mark.parametrize("format", list_formats())
def test_a_track_without_any_box_is_written(tmp_path, format):
    nothing = TrackResult("car", [0, 1], [[np.nan] * 4] * 2, frame_wh=(20, 10), source="a.mp4")
    assert all(path.is_file() for path in write_tracks(tmp_path, format, [nothing]))


def test_wrong_requests_are_said(tmp_path):
    one = TrackResult("car", [0], [(1, 2, 3, 4)])
    with pytest.raises(ValueError, match="unknown format 'cocoa': did you mean 'coco'"):
        write_tracks(tmp_path, "cocoa", [one])
    with pytest.raises(ValueError, match="no track to write"):
        write_tracks(tmp_path, "otb", [])
    with pytest.raises(ValueError, match="different names, got 'car' twice"):
        write_tracks(tmp_path, "otb", [one, one])
    with pytest.raises(ValueError, match="size of the frames, which is unknown of 'car'"):
        write_tracks(tmp_path, "coco", [one])
    with pytest.raises(FileNotFoundError, match="do not exist"):
        read_tracks(tmp_path / "none.json", "coco")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("format", "text", "message"),
    [
        ("otb", "1,2,3\n", "line 1: expected four numbers"),
        ("mot", "1,1,5,5,0,4,1,-1,-1,-1\n", "line 1: expected frame,id"),
        ("mot", "0,1,5,5,4,4\n", "line 1: expected frame,id"),
        ("mot", "1,1,5,5,4,4\n1,1,5,5,4,4\n", "line 2: target 1 has a box in frame 1 already"),
        ("csv", "name,frame,x\n", "must have the columns"),
        ("csv", "name,frame,x,y,w,h\ncar,one,1,2,3,4\n", "invalid literal"),
        ("coco", "{", "no JSON"),
        ("coco", "[]", "no COCO file"),
        ("coco", '{"images": [], "categories": [], "annotations": [{"track_id": 1}]}', "no COCO file"),
        ("cvat", "<a", "no XML"),
        ("cvat", "<annotations/>", "is it for images"),
        ("cvat", '<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "document type"),
        ("cvat", '<annotations><track id="0" label="a"/></annotations>', "has no box"),
        ("label-studio", '[{"annotations": [{"result": [{"type": "videorectangle"}]}]}]', "no tasks of Label Studio"),
        ("label-studio", "3", "no tasks of Label Studio"),
        ("mot", "\xff\xfe", "no text file"),
    ],
)  # fmt: skip
def test_broken_files_are_said(tmp_path, format, text, message):
    file = tmp_path / "broken.txt"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=message):
        read_tracks(file, format)


@pytest.mark.parametrize("format", ["csv", "mot", "coco", "cvat", "label-studio"])
def test_a_folder_in_the_place_of_a_file_is_said(tmp_path, format):
    with pytest.raises(ValueError, match="is a folder"):
        read_tracks(tmp_path, format)
