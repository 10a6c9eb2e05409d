"""Names inside files never become paths: what is written lies below the output folder, what is read below the data."""

import json
from pathlib import Path

import numpy as np
import pytest

from data.datasets.by_name import load_dataset
from data.files import check_name, printable
from data.pairs.coco import read_coco
from experiments.__main__ import main
from experiments.scoring.annotations import read_annotations
from tests.material.trees import box_lines, make_got10k, make_otb, write_images

BAD = ["", ".", "..", "../x", "/x", "a/b", "a\\b", "a\nb", "\x1b[31mred", "a\0", "x" * 241, "\udcff"]


def make_vid(root, track):
    """A clip of ImageNet-VID with one object."""
    place = Path("VID/train/ILSVRC2015_VID_train_0000/clip")
    write_images(root / "Data" / place, range(4), "{:06d}.jpg")
    (root / "Annotations" / place).mkdir(parents=True)
    for number in range(4):
        box = "<xmin>9</xmin><ymin>9</ymin><xmax>29</xmax><ymax>29</ymax>"
        text = f"<annotation><object><trackid>{track}</trackid><bndbox>{box}</bndbox></object></annotation>"
        (root / "Annotations" / place / f"{number:06d}.xml").write_text(text)


@pytest.mark.parametrize("name", BAD)
def test_the_check_of_names(name):
    with pytest.raises(ValueError, match="name of a sequence must"):
        check_name(name, "a sequence")
    check_name("Jogging.1 ä 女 %s $x", "a sequence")
    check_name("train2017/a b.jpg", "an image", folders=True)


def test_a_track_id_leads_nowhere(tmp_path, capsys):
    make_vid(tmp_path / "data", "/../../../../../escaped")
    make_vid(tmp_path / "good", "7")
    for data, status in (("data", 1), ("good", 0)):
        arguments = f"--dataset imagenet-vid --root {tmp_path / data} --output {tmp_path / 'out' / data}"
        assert (
            main(["benchmark", *arguments.split(), "--protocol", "sre", "--trackers", "identity"]) == status
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "good", "out"]
    assert "clip cannot be run: name of a sequence must be printable and no path" in capsys.readouterr().err
    written = (tmp_path / "out" / "good").rglob("*_001.txt")
    assert [path.parent.name for path in written] == ["clip.7"]


def test_cocos_images_lie_below_their_folder(tmp_path):
    (tmp_path / "in").mkdir()
    write_images(tmp_path, [1])
    image = {"id": 1, "file_name": "../0001.jpg", "width": 64, "height": 48}
    content = {"images": [image], "annotations": [{"image_id": 1, "bbox": [1, 2, 9, 9], "id": 1}]}
    (tmp_path / "in" / "a.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"name of an image must .* got '../0001.jpg'"):
        read_coco(tmp_path / "in" / "a.json")


def test_lists_and_annotations_name_sequences_and_no_paths(tmp_path):
    make_got10k(tmp_path / "got")
    (tmp_path / "got" / "val" / "list.txt").write_text("../../x\n")
    with pytest.raises(ValueError, match=r"name of a sequence in .*list\.txt"):
        load_dataset("got10k", tmp_path / "got")
    (tmp_path / "a.json").write_text(json.dumps({"../x": {"gt_rect": [[1, 1, 2, 2]]}}))
    with pytest.raises(ValueError, match=r"name of a sequence in .*a\.json"):
        read_annotations("folder", tmp_path / "a.json")


def test_two_targets_of_one_name_are_a_problem_and_neither_is_run(tmp_path, capsys):
    make_otb(tmp_path / "data", "A", box_file="groundtruth_rect.1.txt")
    (tmp_path / "data" / "A" / "groundtruth_rect.2.txt").write_text(box_lines(6))
    make_otb(tmp_path / "data", "A.1")
    assert main(["check", "--dataset", "folder", "--root", str(tmp_path / "data")]) == 1
    assert "A.1: 2 targets have this name" in capsys.readouterr().out
    arguments = [
        "--root",
        str(tmp_path / "data"),
        "--output",
        str(tmp_path / "out"),
        "--trackers",
        "identity",
    ]
    assert main(["benchmark", "--dataset", "folder", *arguments]) == 1
    assert [path.name for path in (tmp_path / "out").rglob("A*[0-9].txt")] == ["A.2.txt"]


def test_names_that_no_file_can_have_stop_no_other_sequence(tmp_path, capsys):
    for name in ("x" * 250, "red\udcff", "\x1b[31mred", "good"):
        make_otb(tmp_path / "data", name)
    assert main(["check", "--dataset", "folder", "--root", str(tmp_path / "data")]) == 1
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\\x1b[31mred: name of a sequence must be printable" in said
    assert "red\\udcff: name of a sequence" in said
    assert [one.name for one in load_dataset("folder", tmp_path / "data")] == ["good"]


def test_a_text_is_shown_without_what_commands_a_terminal():
    assert printable("a b ä\x1b]0;x\x07\udcff\n") == "a b ä\\x1b]0;x\\x07\\udcff\\n"


def test_attributes_in_one_text_are_several(tmp_path):
    entry = {"gt_rect": [[1, 1, 2, 2]], "attributes": "IV,OCC"}
    (tmp_path / "a.json").write_text(
        json.dumps({"x": entry, "y": {**entry, "attributes": ["IV, OCC", "Low light"]}})
    )
    sequences = read_annotations("folder", tmp_path / "a.json").sequences
    assert sequences["x"].attributes == ("IV", "OCC")
    assert sequences["y"].attributes == ("IV", "OCC", "Low light")


def make_tcolor(root, frames):
    write_images(root / "Ball" / "img", range(1, 5))
    (root / "Ball" / "Ball_gt.txt").write_text(box_lines(4))
    (root / "Ball" / "Ball_frames.txt").write_text(frames)


@pytest.mark.parametrize("frames", ["1,999999999999", "1," + "9" * 400, "4,1", "0,4"])
def test_a_range_of_frames_that_are_not_there_is_refused_at_once(tmp_path, frames):
    make_tcolor(tmp_path, frames)
    dataset = load_dataset("tcolor128", tmp_path)
    assert list(dataset.broken) == ["Ball"]
    assert len(dataset.broken["Ball"]) < 300
    make_tcolor(tmp_path, "1,4")
    assert len(load_dataset("tcolor128", tmp_path)[0]) == 4


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("meta_info.ini", "resolution: (3)\n", "resolution must be"),
        ("meta_info.ini", "resolution: ([[[[\n", "resolution must be"),
        ("cover.label", "8 1\n" * 4, "holds 8 values for 4 boxes"),
        ("cover.label", "8\nx\n8\n8\n", "must hold numbers only"),
    ],
)
def test_files_of_got10k_that_are_not_as_they_should(tmp_path, file, text, said):
    name, other = make_got10k(tmp_path)
    (tmp_path / "val" / name / file).write_text(text)
    dataset = load_dataset("got10k", tmp_path)
    assert [one.name for one in dataset] == [other]
    assert said in dataset.broken[name]
    assert np.isfinite(dataset[0].bboxes).all()
