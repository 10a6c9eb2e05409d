import json

import numpy as np
import pytest
import torch

from experiments.serve.lane import MAP_SIDE, Lane, shrunk
from tests.material.serving import BOX, moving
from tracker import MultiTracker, TrackOutput, load_tracker


class Scripted:
    """Moves its box by a pixel a frame and is lost in the frames that it is told."""

    def __init__(self, lost=()):
        self.calls, self.lost = 0, lost

    def init(self, image, bbox):
        self.bbox = np.array(bbox, float)

    def update(self, image):
        self.calls += 1
        self.bbox = self.bbox + (1, 0, 0, 0)
        return TrackOutput(bbox=self.bbox, score=0.5, psr=7.0, lost=self.calls in self.lost)


def lane_of(tracker):
    return Lane(1, 1, "scripted", MultiTracker(lambda: tracker), (0, 158, 115))


def test_it_tracks_only_from_the_frame_that_its_tracker_has_seen_last():
    lane, frames = lane_of(Scripted()), moving()
    lane.start(2, frames[2], BOX)
    assert not lane.advance(5, frames[5])
    assert lane.advance(3, frames[3])
    assert not lane.advance(3, frames[3])
    assert sorted(lane.rows) == [2, 3]
    assert lane.describe(5)["row"] is None


def test_runs_of_frames_follow_what_is_lost_and_what_is_corrected():
    lane, frames = lane_of(Scripted(lost=(2, 3))), moving()
    lane.start(1, frames[1], BOX)
    for number in range(2, 7):
        lane.advance(number, frames[number])
    assert lane.runs == [[1, 2, 0], [3, 4, 1], [5, 6, 0]]
    lane.correct(4, frames[4], BOX)
    assert lane.runs == [[1, 2, 0], [3, 3, 1], [4, 4, 0]]
    assert lane.last == 4
    assert lane.drawn == {1, 4}


def followed(*drags):
    """The box in frame 5 of a lane that starts in frame 0, tracks to 6, goes back and is corrected by ``drags``."""
    lane, frames = lane_of(load_tracker("gray")), moving()
    lane.start(0, frames[0], BOX)
    for number in range(1, 7):
        lane.advance(number, frames[number])
    for number, box, forget in drags:
        lane.correct(number, frames[number], box, forget=forget)
    for number in range(lane.last + 1, 6):
        lane.advance(number, frames[number])
    return lane.rows[5].bbox


def expected(learn, first=4):
    """The same by the tracker alone: ``learn(tracker, image)`` with the image of frame ``first``."""
    tracker, frames = load_tracker("gray"), moving()
    tracker.init(frames[0], BOX)
    for number in range(1, 7):
        tracker.update(frames[number])
    learn(tracker, frames[first])
    return [tracker.update(frames[number]).bbox for number in range(first + 1, 6)][-1]


THERE, BESIDE = (30, 38, 24, 24), (60, 20, 30, 40)


def test_a_correction_keeps_what_was_learned_unless_told_otherwise():
    kept = expected(lambda tracker, image: tracker.correct(image, THERE))
    anew = expected(lambda tracker, image: tracker.init(image, THERE))
    assert not np.array_equal(kept, anew)
    np.testing.assert_array_equal(followed((4, THERE, False)), kept)
    np.testing.assert_array_equal(followed((4, THERE, True)), anew)


def test_only_the_last_of_several_drags_is_learned_and_in_the_first_frame_nothing_older():
    kept = expected(lambda tracker, image: tracker.correct(image, THERE))
    np.testing.assert_array_equal(followed((4, BESIDE, False), (4, THERE, False)), kept)
    anew = expected(lambda tracker, image: tracker.init(image, THERE), first=0)
    np.testing.assert_array_equal(followed((0, THERE, False)), anew)


def test_what_the_page_gets_is_plain_json():
    lane, frames = lane_of(Scripted()), moving()
    lane.start(0, frames[0], BOX)
    assert json.loads(json.dumps(lane.describe(0), allow_nan=False))["row"]["score"] is None
    lane.advance(1, frames[1])
    assert lane.describe(1)["row"] == {
        "bbox": [21, 40, 24, 24], "score": 0.5, "psr": 7.0, "lost": False, "drawn": False
    }  # fmt: skip


def test_its_result_has_every_row():
    lane, frames = lane_of(Scripted(lost=(1,))), moving()
    lane.start(3, frames[3], BOX)
    lane.advance(4, frames[4])
    result = lane.result(None, frame_wh=(160, 120), frame_count=12)
    assert result.frames.tolist() == [3, 4]
    assert result.lost.tolist() == [False, True]
    np.testing.assert_array_equal(result.bboxes, [BOX, (21, 40, 24, 24)])


def test_a_box_outside_the_frame_changes_nothing():
    lane, frames = lane_of(Scripted()), moving()
    lane.start(0, frames[0], BOX)
    with pytest.raises(ValueError, match="centre inside"):
        lane.correct(1, frames[1], (400, 0, 20, 20))
    assert sorted(lane.rows) == [0]


def test_the_response_is_small_and_its_peak_stays_where_it_was():
    tracker, frames = load_tracker("gray"), moving()
    tracker.init(frames[0], BOX)
    output = tracker.update(frames[1])
    shown = shrunk(output).response[0, 0].numpy()
    values = output.response[0, 0].numpy()
    assert shown.dtype == np.uint8
    assert shown.max() == 255
    assert divmod(int(shown.argmax()), shown.shape[1]) == divmod(int(values.argmax()), values.shape[1])
    large = TrackOutput(
        np.array(BOX, float), 1.0, response=torch.ones(1, 1, 200, 100), response_bbox=np.ones(4)
    )
    assert max(shrunk(large).response.shape) <= MAP_SIDE
    assert shrunk(TrackOutput(np.array(BOX, float), 1.0)).response is None
