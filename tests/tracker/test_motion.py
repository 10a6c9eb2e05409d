"""Where a target is expected, against motions that are known; and what the tracker makes of it."""

import cv2
import numpy as np
import pytest

from data.boxes import bbox_iou
from tests.material.targets import run
from tracker import MultiTracker, load_tracker
from tracker.motion import CameraMotion, MotionSettings, TargetMotion

TARGET = 24


def scenery(seed=0, size_wh=(900, 700)):
    """A large textured picture, of which frames are parts."""
    coarse = np.random.default_rng(seed).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    return cv2.resize(coarse, size_wh, interpolation=cv2.INTER_CUBIC)


def frame_at(corner, place=None, size_wh=(400, 300)):
    """What a camera sees at ``corner`` of the scenery, with a bright target at ``place`` of the frame."""
    (x, y), (width, height) = corner, size_wh
    frame = (scenery()[y : y + height, x : x + width] // 2).copy()
    if place is not None:
        left, top = place
        frame[top : top + TARGET, left : left + TARGET] = 255
    return np.ascontiguousarray(frame)


@pytest.mark.parametrize(("size_wh", "step"), [((400, 300), 4), ((300, 400), 4), ((90, 60), 1)])
@pytest.mark.parametrize("pan", [(40, 0), (-25, 20), (3, -25), (0, 0)])
def test_the_picture_moves_against_the_camera(pan, size_wh, step):
    """To a pixel of the picture in which it is measured, which has every ``step``-th of the frame's."""
    camera = CameraMotion()
    camera.start(frame_at((200, 200), size_wh=size_wh))
    moved = frame_at((200 + pan[0], 200 + pan[1]), size_wh=size_wh)
    np.testing.assert_allclose(camera.shift(moved), (-pan[0], -pan[1]), atol=step)
    np.testing.assert_allclose(camera.shift(moved), 0, atol=step)


@pytest.mark.parametrize("level", [0, 255])
def test_flat_frames_do_not_move(level):
    camera, flat = CameraMotion(), np.full((75, 100, 3), level, np.uint8)
    camera.start(flat)
    np.testing.assert_allclose(camera.shift(flat), 0, atol=1)
    np.testing.assert_array_equal(camera.shift(frame_at((0, 0), size_wh=(100, 75))), 0)


def test_another_scene_or_another_size_is_no_motion():
    camera = CameraMotion()
    camera.start(frame_at((200, 200)))
    assert not camera.shift(scenery(1)[:300, :400]).any()
    assert not camera.shift(scenery(1)[:200, :400]).any()
    np.testing.assert_allclose(camera.shift(scenery(1)[20:220, :400]), (0, -20), atol=4)


def test_the_targets_own_motion_is_smoothed_and_the_cameras_is_not():
    motion = TargetMotion(MotionSettings(predict_from=0))
    size = np.array([20.0, 20.0])
    np.testing.assert_allclose(motion.step(np.array([10.0, 0]), size), (10, 0))
    motion.saw(np.array([14.0, 2.0]))  # of its own (4, 2), of which .3 are learned
    np.testing.assert_allclose(motion.step(np.array([0, -5.0]), size), (1.2, -4.4))
    motion.saw(None)
    np.testing.assert_allclose(motion.step(np.zeros(2), size), (0.7 * 1.2, 0.7 * 0.6))


def test_a_target_that_the_camera_follows_is_expected_where_it_is():
    motion, pan = TargetMotion(MotionSettings(predict_from=0.2)), np.array([-15.0, 4.0])
    for _ in range(12):
        step = motion.step(pan, np.array([30.0, 30.0]))
        motion.saw(np.zeros(2))  # it stays in the middle of the picture
    assert not step.any()


@pytest.mark.parametrize(("least", "step"), [(None, (0, 0)), (0.5, (0, 0)), (0.4, (-9, 4)), (0, (-9, 4))])
def test_a_step_below_the_least_is_none(least, step):
    expected = TargetMotion(MotionSettings(least)).step(np.array([-9.0, 4.0]), np.array([10.0, 40.0]))
    np.testing.assert_array_equal(expected, step)


@pytest.mark.parametrize(("predict_from", "found"), [(0.2, True), (None, False)])
def test_a_target_that_jumps_with_the_camera_is_found_where_it_is_expected(predict_from, found):
    """The camera shakes by three target sizes, more than the search reaches."""
    corners = [(200, 200), (272, 200), (200, 272), (272, 272), (200, 200)]
    places = [(420 - x, 400 - y) for x, y in corners]
    frames = [frame_at(corner, place) for corner, place in zip(corners, places, strict=True)]
    bbox = (*places[0], TARGET, TARGET)
    outputs = run(load_tracker("gray", predict_from=predict_from), frames, bbox)
    followed = [
        bbox_iou(o.bbox, (*p, TARGET, TARGET)) > 0.6 for o, p in zip(outputs, places[1:], strict=True)
    ]
    assert all(followed) == found


@pytest.mark.parametrize("forget", [True, False])
def test_a_box_given_in_an_earlier_frame_is_followed_from_that_frame(forget):
    """The camera's motion is that since the frame of the box, not since the one that was tracked into last."""
    corners = [(200, 200), (203, 200), (300, 260)]
    frames = [frame_at((x, y), (420 - x, 400 - y)) for x, y in corners]
    bbox = (220, 200, TARGET, TARGET)
    several = MultiTracker(lambda: load_tracker("gray", predict_from=0.2))
    several.init(frames[0], {"one": bbox})
    several.update(frames[2])
    several.correct(frames[0], bbox, "one", forget=forget)
    assert bbox_iou(several.update(frames[1])["one"].bbox, (217, 200, TARGET, TARGET)) > 0.6


def test_a_negative_distance_is_refused():
    with pytest.raises(ValueError, match="predict_from"):
        load_tracker("gray", predict_from=-0.1)
