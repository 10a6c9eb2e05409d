"""Several targets and trackers, starts in the middle, corrections and the way back, from the command line."""

import csv
import json

import numpy as np
import pytest

from data import VideoWriter, open_video, read_bboxes, synthetic_sequence
from data.boxes import bbox_iou
from data.formats import read_tracks
from experiments.__main__ import main
from experiments.runtime.progress import progress_bar
from tests.material.targets import run
from tracker import load_tracker

LENGTH = 14


@pytest.fixture(scope="module")
def sequence():
    return synthetic_sequence(seed=1, length=LENGTH, size=(160, 120))


@pytest.fixture(scope="module")
def video(sequence, tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "clip.webm"
    with VideoWriter(path, fps=25, quality=100) as writer:
        for frame in sequence.frames():
            writer.write(frame)
    return path


def text(bbox):
    return ",".join(f"{value:.3f}" for value in bbox)


def track(video, output, *arguments):
    words = ["track", video, "--output", output, "--tracker", "gray", *arguments]
    return main([str(word) for word in words])


def boxes_of(path):
    """Frames and boxes of the lines that hold one."""
    boxes = read_bboxes(path)
    frames = np.flatnonzero(~np.isnan(boxes[:, 0]))
    return frames.tolist(), boxes[frames]


def test_two_targets_have_the_boxes_that_each_has_alone(video, sequence, tmp_path):
    first, other = sequence.bboxes[0], np.array([20.0, 70, 30, 30])
    (tmp_path / "more.txt").write_text(f"other:5:{text(other)}\n")
    arguments = [
        "--init-bbox",
        f"car:{text(first)}",
        "--init-file",
        tmp_path / "more.txt",
        "--format",
        "coco",
    ]
    assert track(video, tmp_path / "out", *arguments, "--save-video") == 0
    frames = list(open_video(video))
    for name, start, bbox in (("car", 0, first), ("other", 5, other)):
        numbers, boxes = boxes_of(tmp_path / "out" / "boxes" / f"{name}.txt")
        assert numbers == list(range(start, LENGTH))
        alone = [bbox, *(one.bbox for one in run(load_tracker("gray"), frames[start:], bbox))]
        np.testing.assert_allclose(boxes, alone, atol=0.05)
    rows = list(csv.DictReader((tmp_path / "out" / "track.csv").open()))
    assert [row["target"] for row in rows] == ["car"] * 5 + ["car", "other"] * (LENGTH - 5)
    assert json.loads((tmp_path / "out" / "run.json").read_text())["lost_frames"].keys() == {"car", "other"}
    assert len(read_tracks(tmp_path / "out" / "annotations" / "coco.json", "coco")) == 2
    assert not (tmp_path / "out" / "boxes.txt").exists()
    assert track(video, tmp_path / "out", "--init-bbox", text(first), "--overwrite") == 0
    assert not (tmp_path / "out" / "boxes").exists()


def test_one_good_frame_in_the_middle_annotates_the_whole_video(video, sequence, tmp_path):
    box = text(sequence.bboxes[8])
    assert track(video, tmp_path / "both", "--init-bbox", box, "--start-frame", 8, "--backward") == 0
    numbers, both = boxes_of(tmp_path / "both" / "boxes.txt")
    assert numbers == list(range(LENGTH))
    assert bbox_iou(both, sequence.bboxes).min() > 0.5
    frames = list(open_video(video))
    back = [one.bbox for one in run(load_tracker("gray"), frames[8::-1], sequence.bboxes[8])]
    np.testing.assert_allclose(both[7::-1], back, atol=0.05)
    part = ["--start-frame", 8, "--end-frame", 10]
    assert track(video, tmp_path / "part", "--init-bbox", box, *part) == 0
    numbers, boxes = boxes_of(tmp_path / "part" / "boxes.txt")
    assert numbers == [8, 9, 10]
    np.testing.assert_allclose(boxes, both[8:11], atol=0.05)


def test_the_bar_counts_the_frames_between_start_and_end(video, sequence, tmp_path, monkeypatch):
    totals = []

    def watched(steps=None, *, total, unit):
        totals.append(total)
        return progress_bar(steps, total=total, unit=unit)

    monkeypatch.setattr("experiments.runtime.progress.progress_bar", watched)
    box = text(sequence.bboxes[8])
    for number, end in enumerate(([], ["--end-frame", 10])):
        assert track(video, tmp_path / str(number), "--init-bbox", box, "--start-frame", 8, *end) == 0
    assert totals == [LENGTH - 8, 3]


def test_the_speed_of_a_run_counts_the_way_back(video, sequence, tmp_path):
    arguments = ["--init-bbox", text(sequence.bboxes[-1]), "--start-frame", LENGTH - 1, "--backward"]
    assert track(video, tmp_path / "out", *arguments, "--tracker", "hog") == 0
    timing = json.loads((tmp_path / "out" / "run.json").read_text())["timing"]
    rows = list(csv.DictReader((tmp_path / "out" / "track.csv").open()))
    assert LENGTH / timing["fps_in_all"] > sum(float(row["milliseconds"]) for row in rows) / 1000


@pytest.mark.parametrize("forget", [False, True])
def test_a_correction_is_followed_on_from_its_frame(video, sequence, tmp_path, forget):
    off = sequence.bboxes[0] + (40, 30, 0, 0)
    arguments = ["--init-bbox", text(off), "--correct", f"6:{text(sequence.bboxes[6])}"]
    assert track(video, tmp_path / "out", *arguments, *(["--forget"] if forget else [])) == 0
    _, boxes = boxes_of(tmp_path / "out" / "boxes.txt")
    np.testing.assert_allclose(boxes[6], sequence.bboxes[6], atol=0.01)
    assert bbox_iou(boxes[:6], sequence.bboxes[:6]).max() < 0.3
    if forget:
        assert bbox_iou(boxes[6:], sequence.bboxes[6:]).min() > 0.5


def test_several_trackers_are_drawn_together(video, sequence, tmp_path, capsys):
    arguments = ["--init-bbox", text(sequence.bboxes[0]), "--tracker", "gray,opencv-mil", "--save-video"]
    assert track(video, tmp_path / "out", *arguments, "--save-response", "--end-frame", 4) == 0
    assert sorted(path.name for path in (tmp_path / "out" / "boxes").iterdir()) == [
        "gray.txt",
        "opencv-mil.txt",
    ]
    with open_video(next((tmp_path / "out").glob("track.[mw]*"))) as frames:
        assert len(list(frames)) == 5
    capsys.readouterr()
    assert track(video, tmp_path / "no", *arguments, "--filter", "ridge") == 2
    assert "--filter is for one tracker" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--init-bbox", "99:60,40,30,20"], "no target starts within the 14 frames"),
        (["--init-bbox", "99:60,40,30,20", "--backward"], "but {video} has 14 frames"),
        (["--init-bbox", "60,40,30,20", "--start-frame", "-1"], "--start-frame must be 0 or more"),
        (
            ["--init-bbox", "60,40,30,20", "--start-frame", "5", "--end-frame", "4"],
            "--end-frame must be 5 or more",
        ),
        (["--init-bbox", "60,40,30,20", "--init-bbox", "900,0,20,20"], "centre inside the 160x120 frame"),
        (["--init-bbox", "60,40,30,20", "--correct", "3:900,0,20,20"], "centre inside the 160x120 frame"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(video, tmp_path, capsys, arguments, message):
    assert track(video, tmp_path / "out", *arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert message.format(video=video) in lines[-1]
    assert not (tmp_path / "out").exists()
