"""The loop and its clock."""

import numpy as np
import pytest

from data import synthetic_sequence
from experiments.scoring.timing import Timing
from experiments.trackers.follow import GivenBox, follow, follow_targets
from tracker import MultiTracker, TrackOutput, load_tracker


class Clock:
    """Seconds that pass only where something is said to take them."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr("experiments.trackers.follow.time.perf_counter", lambda: self.now)

    def init(self, image, bbox):
        self.now += 7

    def update(self, image):
        self.now += 5
        return TrackOutput(bbox=np.array([1.0, 2, 3, 4]), score=1.0)

    def frames(self, count):
        for _ in range(count):
            self.now += 20  # decoding, which must not be counted
            yield np.zeros((20, 20, 3), np.uint8)


def test_only_the_trackers_own_time_is_counted(monkeypatch):
    clock = Clock(monkeypatch)
    steps = list(follow(clock, clock.frames(6), (1, 2, 3, 4)))
    assert [step.frame for step in steps] == list(range(6))
    assert [step.seconds for step in steps] == [7, 5, 5, 5, 5, 5]


def test_targets_share_the_time_of_their_tracker(monkeypatch):
    clock = Clock(monkeypatch)
    given = [GivenBox(name, 0, np.array([1.0, 2, 3, 4])) for name in "abc"]
    names = {(name, "clock"): name for name in "abc"}
    frames = enumerate(clock.frames(3))
    scenes = list(follow_targets({"clock": MultiTracker(lambda: clock)}, frames, given, names))
    each = [7, 5, 5]  # of the 21 seconds that three starts take, and 15 of three updates
    assert [scene.seconds for scene in scenes] == [dict.fromkeys("abc", share) for share in each]


def together(trackers, frames, bbox):
    given, names = [GivenBox("", 0, np.array(bbox, float))], {("", name): name for name in trackers}
    followers = {name: MultiTracker(name) for name in trackers}
    return follow_targets(followers, enumerate(frames), given, names)


def test_trackers_side_by_side_do_what_each_does_alone():
    sequence, trackers = synthetic_sequence(1, 6, (120, 90)), ("gray", "identity")
    scenes = list(together(trackers, sequence.frames(), sequence.bboxes[0]))
    assert [scene.frame for scene in scenes] == list(range(6))
    for name in trackers:
        alone = [
            step.output.bbox for step in follow(load_tracker(name), sequence.frames(), sequence.bboxes[0])
        ]
        np.testing.assert_array_equal([scene.outputs[name].bbox for scene in scenes], alone)


def test_frames_are_read_once_and_not_kept():
    alive = []

    def frames():
        for i in range(5):
            alive.append(i)
            yield np.full((40, 40, 3), i, np.uint8)

    for frame, scene in enumerate(together(("identity", "gray"), frames(), (5, 5, 20, 20))):
        assert alive == list(range(frame + 1))
        assert scene.outputs.keys() == {"identity", "gray"}


def test_frame_zero_is_the_given_box():
    frames = [np.zeros((20, 20, 3), np.uint8)] * 2
    first, second = follow(load_tracker("identity"), frames, (4, 5, 6, 7))
    assert first.output.bbox.tolist() == second.output.bbox.tolist() == [4, 5, 6, 7]
    assert np.isnan(first.output.score)


def test_fps_is_frames_over_time_without_the_first():
    timing = Timing.of([9.0, 0.1, 0.1, 0.4])
    assert timing.fps == pytest.approx(3 / 0.6)
    assert timing.median_ms == pytest.approx(100)
    assert timing.p95_ms == pytest.approx(np.percentile([100, 100, 400], 95))


def test_a_run_of_one_frame_has_no_speed():
    assert np.isnan(Timing.of([1.0]).fps)


def test_three_speeds_of_the_same_times():
    """Two runs: 2 frames in 0.2 s and 1 in 0.4 s, after an init of 1 and 0.5 s."""
    timing = Timing.of([1.0, 0.05, 0.15], [0.5, 0.4])
    assert timing.fps == pytest.approx(3 / 0.6)
    assert timing.mean_fps == pytest.approx((2 / 0.2 + 1 / 0.4) / 2)
    assert timing.hz == pytest.approx(
        (1 / 1 + 1 / 0.05 + 1 / 0.15 + 1 / 0.5 + 1 / 0.4) / 5
    )  # got10k's speed_fps
