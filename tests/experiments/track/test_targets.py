"""What may be written as a target, and what is said of everything else."""

import numpy as np
import pytest

from experiments.track.targets import read_targets


def given(boxes):
    return [(one.target, one.frame, one.bbox.tolist()) for one in boxes]


def test_names_and_frames_may_be_left_out():
    targets = read_targets(["1,2,3,4"], None, [], 7)
    assert given(targets.starts) == [("target", 7, [1, 2, 3, 4])]
    targets = read_targets(["1,2,3,4", "car:1,2,3,4", "12:-1,2,3,4", "b-2:12:1.5,2,3,4"], None, [], 7)
    assert given(targets.starts) == [
        ("target1", 7, [1, 2, 3, 4]),
        ("car", 7, [1, 2, 3, 4]),
        ("target3", 12, [-1, 2, 3, 4]),
        ("b-2", 12, [1.5, 2, 3, 4]),
    ]


def test_a_file_holds_a_box_a_line(tmp_path):
    (tmp_path / "boxes.txt").write_text("# my targets\ncar:30:1,2,3,4\n\n5,6,7,8\n")
    targets = read_targets(["9,9,9,9"], tmp_path / "boxes.txt", [], 0)
    assert [one.target for one in targets.starts] == ["target1", "car", "target3"]
    (tmp_path / "boxes.txt").write_text("car:30:1,2,3,4\n5,6,7\n")
    with pytest.raises(ValueError, match=r"boxes.txt, line 2: a box must be four numbers"):
        read_targets([], tmp_path / "boxes.txt", [], 0)


def test_a_correction_belongs_to_the_way_on_which_it_lies():
    targets = read_targets(["a:10:1,2,3,4", "b:20:1,2,3,4"], None, ["a:15:5,6,7,8", "b:15:5,6,7,8"], 0)
    assert given(targets.forward())[2:] == [("a", 15, [5, 6, 7, 8])]
    assert given(targets.backward())[2:] == [("b", 15, [5, 6, 7, 8])]
    only = read_targets(["1,2,3,4"], None, ["3:5,6,7,8"], 0)
    assert given(only.corrections) == [("target", 3, [5, 6, 7, 8])]


@pytest.mark.parametrize(
    ("starts", "trackers", "names"),
    [
        (["1,2,3,4"], ["fast"], ["target"]),
        (["1,2,3,4"], ["fast", "hog"], ["fast", "hog"]),
        (["car:1,2,3,4"], ["fast", "hog"], ["car-fast", "car-hog"]),
        (["1,2,3,4", "5,6,7,8"], ["fast"], ["target1", "target2"]),
        (["a:1,2,3,4", "b:5,6,7,8"], ["x", "y"], ["a-x", "a-y", "b-x", "b-y"]),
    ],
)
def test_a_track_is_named_by_what_tells_it_from_the_others(starts, trackers, names):
    assert list(read_targets(starts, None, [], 0).names(trackers).values()) == names


@pytest.mark.parametrize(
    ("starts", "corrections", "message"),
    [
        (["a:1,2,3,4", "a:5,6,7,8"], [], "'a' is given twice"),
        (["../x:1,2,3,4"], [], "name of letters, digits"),
        (["a:b:1:1,2,3,4"], [], r"must be \[NAME:\]\[FRAME:\]X,Y,W,H"),
        (["a:1:1,2,3"], [], "four numbers"),
        (["1,2,3,4"], ["1,2,3,4"], "without a frame"),
        (["a:1,2,3,4", "b:1,2,3,4"], ["5:1,2,3,4"], "must name one of the targets a, b"),
        (["a:1,2,3,4"], ["b:5:1,2,3,4"], "is of no target: there are a"),
        (["1,2,0,4"], [], "w, h > 0"),
    ],
)
def test_everything_else_is_a_mistake(starts, corrections, message):
    with pytest.raises(ValueError, match=message):
        read_targets(starts, None, corrections, 0)


def test_boxes_are_float64():
    assert read_targets(["1,2,3,4"], None, [], 0).starts[0].bbox.dtype == np.float64
