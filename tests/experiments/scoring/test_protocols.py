"""TRE's start frames and SRE's boxes: the official toolkit's numbers, worked out by hand."""

import numpy as np
import pytest

from data.datasets.by_name import load_dataset
from data.datasets.otb_protocol import otb_targets
from experiments.scoring.protocols import SRE_SHIFTS, plan_runs, shifted_bbox, tre_starts
from tests.material.trees import box_lines, make_otb

BOX = np.array([50.0, 40.0, 20.0, 16.0])  # in the toolkit's terms 51, 41, 20, 16


def boxes(count):
    return np.tile(BOX, (count, 1))


class TestTre:
    def test_twenty_starts_from_the_first_frame_to_twenty_before_the_end(self):
        starts = tre_starts(boxes(100))  # floor(1 : 81/19 : 81), 81
        assert len(starts) == 20
        assert starts[:5] == [0, 4, 8, 12, 17]
        assert starts[-3:] == [72, 76, 80]

    def test_the_whole_step_repeats_the_last_start_as_the_toolkit_does(self):
        assert tre_starts(boxes(38)) == [*range(19), 18]

    def test_frames_in_which_the_toolkit_starts_no_run(self):
        """Jogging.1 has 307 frames; without 61 to 83 runs start in the frames 1, 14, 28, 42, … of the toolkit."""
        stretches = otb_targets()["Jogging.1"].not_started_in
        assert stretches == ((60, 82),)
        starts = [start + 1 for start in tre_starts(boxes(307), stretches)]
        assert starts[:6] == [1, 14, 28, 42, 56, 93]  # the 70th place is frame 70 + 23
        assert starts[-1] == 288
        assert not {*range(61, 84)} & {*starts}

    def test_the_frames_are_counted_from_the_targets_first(self):
        targets = otb_targets()
        assert targets["Tiger1"].not_started_in[:2] == ((0, -1), (3, 9))  # 1-5 and 9-15, of frames from 6 on
        assert sum(bool(target.not_started_in) for target in targets.values()) == 27

    def test_frames_without_a_box_or_at_the_border_are_not_started_in(self):
        truth = boxes(60)
        truth[0] = np.nan
        truth[1, 0] = -1  # x = 0 in the file
        starts = tre_starts(truth)
        assert (starts[0], starts[-1], len(starts)) == (2, 40, 20)

    @pytest.mark.parametrize("truth", [boxes(19), np.full((50, 4), np.nan)])
    def test_too_short_to_start(self, truth):
        with pytest.raises(ValueError, match="TRE needs a frame with a box and at least 20 frames"):
            tre_starts(truth)

    def test_runs_start_with_the_truth_of_their_frame(self, tmp_path):
        make_otb(tmp_path, "Car4", frames=45, boxes=box_lines(45))
        (sequence,) = load_dataset("folder", tmp_path)
        runs = plan_runs(sequence, "tre")
        assert [run.number for run in runs] == list(range(1, 21))
        assert len(runs[-1]) == 20
        for run in runs:
            np.testing.assert_array_equal(run.bbox, sequence.bboxes[run.start])


class TestSre:
    @pytest.mark.parametrize(
        ("shift", "expected"),
        [
            ("left", [48, 40, 20, 16]),
            ("right", [52, 40, 20, 16]),
            ("up", [50, 38, 20, 16]),  # ceil(1.6)
            ("down", [50, 42, 20, 16]),
            ("top_left", [48, 38, 22, 18]),  # round(41 - 1.6) = 39
            ("top_right", [50, 38, 22, 18]),
            ("bottom_left", [48, 40, 22, 18]),
            ("bottom_right", [50, 40, 22, 18]),
            ("scale_8", [52, 42, 16, 13]),  # round(12.8) = 13; 41 + 8 - 6.4 = 42.6
            ("scale_9", [51, 41, 18, 14]),
            ("scale_11", [49, 39, 22, 18]),
            ("scale_12", [48, 38, 24, 19]),
        ],
    )
    def test_boxes(self, shift, expected):
        np.testing.assert_array_equal(shifted_bbox(BOX, shift, (320, 240)), expected)

    def test_halves_are_rounded_up(self):
        box = np.array([49.0, 39.0, 25.0, 15.0])  # 50 + 12.5 - 10 = 52.5
        np.testing.assert_array_equal(shifted_bbox(box, "scale_8", (320, 240)), [52, 41, 20, 12])

    def test_the_frame_cuts_size_on_one_side_and_moves_on_the_other(self):
        np.testing.assert_array_equal(shifted_bbox([0, 0, 20, 16], "left", (320, 240)), [0, 0, 20, 16])
        np.testing.assert_array_equal(shifted_bbox([300, 0, 20, 16], "right", (320, 240)), [302, 0, 18, 16])

    def test_twelve_runs_from_the_first_frame(self, tmp_path):
        make_otb(tmp_path, "Car4")
        runs = plan_runs(load_dataset("folder", tmp_path)[0], "sre")
        assert len(runs) == len(SRE_SHIFTS) == 12
        assert all(run.start == 0 for run in runs)


def test_ope_repeats_only_what_it_is_asked_to(tmp_path):
    make_otb(tmp_path, "Car4")
    make_otb(tmp_path, "Late", boxes="nan,nan,nan,nan\n" + box_lines(5))
    car, late = load_dataset("folder", tmp_path)
    assert [run.number for run in plan_runs(car)] == [1]
    assert [run.number for run in plan_runs(car, repetitions=3)] == [1, 2, 3]
    with pytest.raises(ValueError, match="Late has no box in its first frame"):
        plan_runs(late)
