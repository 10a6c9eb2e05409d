"""Several targets at once are tracked as each of them alone."""

import os
import signal

import numpy as np
import pytest

from data import synthetic_sequence
from data.boxes import bbox_iou
from tests.material.targets import run
from tracker import IdentityTracker, MultiTracker, load_tracker, multi

BOXES = np.array(
    [[40, 30, 40, 30], [90, 60, 28, 36], [20, 70, 24, 24], [100, 10, 36, 24], [60, 80, 30, 30.0]]
)


@pytest.fixture(scope="module")
def frames():
    sequence = synthetic_sequence(seed=1, length=6, size=(160, 120))
    return list(sequence.frames())


@pytest.mark.parametrize("name", ["fast", "hog"])  # with a box head, and with a search for the size
@pytest.mark.parametrize("threads", [1, 2])
def test_each_target_has_the_boxes_that_it_has_alone(frames, name, threads):
    alone = np.array([[output.bbox for output in run(load_tracker(name), frames, bbox)] for bbox in BOXES])
    several = MultiTracker(lambda: load_tracker(name, threads=threads))
    several.init(frames[0], BOXES)
    outputs = [several.update(frame) for frame in frames[1:]]
    assert list(outputs[0]) == ["1", "2", "3", "4", "5"]
    together = np.array([[output.bbox for output in one.values()] for one in outputs])
    np.testing.assert_allclose(together.transpose(1, 0, 2), alone, atol=0.02)
    np.testing.assert_array_equal(several.targets["5"].output.bbox, together[-1, 4])


def test_crops_go_through_the_networks_in_one_call(frames, monkeypatch):
    monkeypatch.setattr(multi, "CROPS", 4)
    several = MultiTracker("fast")
    several.init(frames[0], BOXES[:4])
    sizes = []
    backbone = several.targets["1"].tracker.extractor.backbone
    hook = backbone.register_forward_hook(lambda _module, images, _features: sizes.append(len(images[0])))
    several.update(frames[1])
    hook.remove()
    assert sizes == [4]


def test_targets_come_and_go(frames):
    several = MultiTracker("gray")
    several.init(frames[0], {"car": BOXES[0]})
    several.update(frames[1])
    several.add(frames[1], BOXES[1], "bus")
    assert np.isnan(several.targets["bus"].output.score)
    assert list(several.update(frames[2])) == ["car", "bus"]
    several.remove("car")
    found = several.update(frames[3])["bus"].bbox
    np.testing.assert_allclose(found, run(load_tracker("gray"), frames[1:4], BOXES[1])[-1].bbox, atol=1e-3)
    several.remove("bus")
    assert several.update(frames[4]) == {}
    with pytest.raises(ValueError, match="there is no target 'bus': there are none"):
        several.remove("bus")


def test_a_correction_keeps_what_was_learned_unless_it_is_to_be_forgotten(frames):
    kept, fresh = MultiTracker("gray"), MultiTracker("gray")
    for several, forget in ((kept, False), (fresh, True)):
        several.init(frames[0], {"car": BOXES[0]})
        several.update(frames[1])
        several.correct(frames[1], BOXES[1], "car", forget=forget)
        assert several.targets["car"].output.bbox.tolist() == BOXES[1].tolist()
    again = run(load_tracker("gray"), frames[1:3], BOXES[1])[0]
    forgot, knew = (several.update(frames[2])["car"] for several in (fresh, kept))
    assert forgot.score == pytest.approx(again.score, abs=1e-6)
    assert knew.score != pytest.approx(again.score, abs=1e-3)


def test_trackers_that_share_no_network_are_run_one_after_another(frames):
    several = MultiTracker(IdentityTracker)
    several.init(frames[0], BOXES[:2])
    outputs = several.update(frames[1])
    assert [output.bbox.tolist() for output in outputs.values()] == BOXES[:2].tolist()


def test_a_mistake_changes_nothing(frames):
    several = MultiTracker("gray")
    several.init(frames[0], {"car": BOXES[0]})
    with pytest.raises(ValueError, match="centre inside"):
        several.init(frames[0], [BOXES[0], (900, 0, 5, 5)])
    with pytest.raises(ValueError, match="there is a target 'car' already"):
        several.add(frames[0], BOXES[1], "car")
    with pytest.raises(ValueError, match="centre inside"):
        several.add(frames[0], (900, 0, 5, 5), "bus")
    assert list(several.targets) == ["car"]


def test_a_corrected_tracker_follows_the_target_that_it_knows():
    """Drawn off the target, then put back on it: it is found again, at the size that was given."""
    sequence = synthetic_sequence(seed=1, length=20)
    tracker = load_tracker("hog")
    run(tracker, list(sequence.frames())[:10], sequence.bboxes[0])
    tracker.correct(sequence.frame(9), sequence.bboxes[9] + (60, 0, 8, 8))
    tracker.correct(sequence.frame(9), sequence.bboxes[9])
    outputs = [tracker.update(sequence.frame(index)) for index in range(10, 20)]
    assert bbox_iou([output.bbox for output in outputs], sequence.bboxes[10:]).min() > 0.6
    with pytest.raises(RuntimeError, match="before init"):
        load_tracker("hog").correct(sequence.frame(0), sequence.bboxes[0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_goes_on(frames):
    several = MultiTracker(lambda: load_tracker("gray", threads=2))
    several.init(frames[0], BOXES)
    several.update(frames[1])
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        os._exit(len(several.update(frames[2])))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == len(BOXES)
