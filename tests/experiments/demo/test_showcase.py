"""Trackers side by side: each as if it were alone; what a trial says of its boxes and times."""

import numpy as np
import pytest

from data import synthetic_sequence
from experiments.demo.showcase import Trial, side_by_side
from experiments.trackers.follow import Step, follow
from tracker import TrackOutput, load_tracker


def test_trackers_side_by_side_do_what_each_does_alone():
    sequence = synthetic_sequence(1, 6, (120, 90))
    trackers = {name: load_tracker(name) for name in ("gray", "identity")}
    together = list(side_by_side(trackers, sequence.frames(), sequence.bboxes[0]))
    for name in trackers:
        alone = list(follow(load_tracker(name), sequence.frames(), sequence.bboxes[0]))
        np.testing.assert_array_equal(
            [steps[name].output.bbox for steps in together], [step.output.bbox for step in alone]
        )
        assert [steps[name].frame for steps in together] == list(range(6))


def test_frames_are_read_once_and_not_kept():
    alive = []

    def frames():
        for i in range(5):
            alive.append(i)
            yield np.full((40, 40, 3), i, np.uint8)

    trackers = {name: load_tracker("identity") for name in "ab"}
    for frame, steps in enumerate(side_by_side(trackers, frames(), (5, 5, 20, 20))):
        assert alive == list(range(frame + 1))
        assert steps["a"].image is steps["b"].image


def followed(truth, boxes, seconds):
    trial = Trial(np.array(truth, float))
    for frame, (box, time) in enumerate(zip(boxes, seconds, strict=True)):
        trial.add(Step(frame, np.zeros((1, 1, 3), np.uint8), TrackOutput(np.array(box, float), 1.0), time))
    return trial


def test_a_trial_by_hand():
    there, half, away = (0, 0, 10, 10), (0, 5, 10, 10), (50, 50, 10, 10)
    trial = followed([there] * 4, [there, half, away, there], [9.0, 0.1, 0.2, 0.1])
    assert trial.first_miss == 2
    # overlaps 1, 1/3, 0, 1: above 0 to 0.3 three of four frames (7 thresholds), then two (13), above 1 none
    assert trial.score.success_auc == pytest.approx((7 * 3 + 13 * 2) / 4 / 21)
    assert trial.score.precision_20 == 0.75  # centres 0, 5, 71, 0 pixels off


def test_where_the_target_is_absent_nothing_is_missed():
    there, away = (0, 0, 10, 10), (50, 50, 10, 10)
    trial = followed([there, [np.nan] * 4, there], [there, away, there], [1.0] * 3)
    assert trial.first_miss is None
