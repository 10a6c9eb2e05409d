"""Correlation-filter trackers end to end on generated frames whose truth is known."""

import cv2
import numpy as np
import pytest

from data import synthetic_sequence
from data.boxes import bbox_center, bbox_iou
from tests.material.targets import run, textured_frame
from tracker import load_tracker


@pytest.mark.parametrize("name", ["gray", "hog"])
@pytest.mark.parametrize("shift", [(9, 0), (0, -14), (-23, 17), (37, 31)])
def test_a_known_displacement_is_recovered(name, shift):
    first, bbox = textured_frame()
    second, truth = textured_frame(shift)
    (output,) = run(load_tracker(name, num_scales=1), [first, second], bbox)
    assert bbox_center(output.bbox) == pytest.approx(bbox_center(truth), abs=1.0)


def test_a_displacement_is_not_stretched_on_a_large_target():
    """One cell is several pixels here: a gain of a few per cent would show."""
    first, bbox = textured_frame(size_wh=(640, 480), target_wh=(120, 96))
    second, truth = textured_frame((60, -40), size_wh=(640, 480), target_wh=(120, 96))
    (output,) = run(load_tracker("hog", num_scales=1), [first, second], bbox)
    assert bbox_center(output.bbox) == pytest.approx(bbox_center(truth), abs=1.5)


@pytest.mark.parametrize("growth", [1.01, 1 / 1.01])
def test_a_known_change_of_scale_is_recovered(growth):
    scales = growth ** np.arange(31)
    frames, boxes = zip(*(textured_frame(scale=scale, target_wh=(64, 48)) for scale in scales), strict=True)
    outputs = run(load_tracker("hog"), frames, boxes[0])
    assert outputs[-1].bbox[2] / boxes[0][2] == pytest.approx(scales[-1], rel=0.06)


@pytest.mark.parametrize("interval", [1, 3])
def test_the_size_changes_only_in_the_frames_it_is_searched_in(interval):
    frames, boxes = zip(*(textured_frame(scale=1.02**n, target_wh=(64, 48)) for n in range(8)), strict=True)
    outputs = run(load_tracker("hog", scale_interval=interval), frames, boxes[0])
    widths = [boxes[0][2], *(output.bbox[2] for output in outputs)]
    changed = [frame for frame in range(1, 8) if widths[frame] != widths[frame - 1]]
    assert changed == list(range(interval, 8, interval))


@pytest.mark.parametrize("interval", [1, 3])
def test_the_filter_changes_only_in_the_frames_that_it_learns_from(interval):
    tracker = load_tracker("gray", num_scales=1, update_interval=interval)
    frames, boxes = zip(*(textured_frame((n, 0)) for n in range(8)), strict=True)
    tracker.init(frames[0], boxes[0])
    changed = []
    for number, frame in enumerate(frames[1:], start=1):
        before = tracker.model.spectrum.clone()
        tracker.update(frame)
        if not before.equal(tracker.model.spectrum):
            changed.append(number)
    assert changed == list(range(interval, 8, interval))


@pytest.mark.parametrize(
    ("cells", "reuse_within", "passes"),
    [(3, 0, 2), (3, 2.5, 2), (3, 3.5, 1), (0, 1, 1), (7, 1, 2), (7, 99, 1)],
)
def test_a_target_that_moved_no_further_than_reuse_within_is_learned_from_what_it_was_found_in(
    cells, reuse_within, passes
):
    """How often features are extracted in an update tells: once to search, and once more to learn anew."""
    tracker = load_tracker("gray", num_scales=1, reuse_within=reuse_within)
    first, bbox = textured_frame()
    tracker.init(first, bbox)
    output = tracker.update(first)
    cell = output.response_bbox[2] / output.response.shape[-1]
    found = []
    hook = tracker.extractor.backbone.register_forward_hook(lambda *_: found.append(1))
    moved, truth = textured_frame((round(cells * cell), 0))
    output = tracker.update(moved)
    hook.remove()
    assert len(found) == passes
    assert bbox_iou(output.bbox, truth) > 0.8


@pytest.mark.parametrize(
    ("attributes", "colour", "floor"),
    [
        ((), True, 0.8),
        (("SV",), True, 0.7),
        (("OCC",), True, 0.6),
        (("IV",), False, 0.7),
        (("MB",), True, 0.6),
    ],
)
def test_synthetic_targets_are_followed(attributes, colour, floor):
    sequence = synthetic_sequence(seed=1, length=50, attributes=attributes, colour=colour)
    outputs = run(load_tracker("hog"), sequence.frames(), sequence.bboxes[0])
    overlap = bbox_iou([output.bbox for output in outputs], sequence.bboxes[1:])
    assert overlap.mean() > floor


def test_tracking_is_deterministic():
    sequence = synthetic_sequence(seed=2, length=12, attributes=("SV",))
    first, second = (
        [output.bbox for output in run(load_tracker("hog"), sequence.frames(), sequence.bboxes[0])]
        for _ in range(2)
    )
    assert np.array_equal(first, second)


def test_two_trackers_side_by_side_do_not_touch_each_other():
    sequences = [synthetic_sequence(seed=seed, length=8) for seed in (3, 4)]
    alone = [
        [output.bbox for output in run(load_tracker("hog"), sequence.frames(), sequence.bboxes[0])]
        for sequence in sequences
    ]
    trackers = [load_tracker("hog") for _ in sequences]
    for tracker, sequence in zip(trackers, sequences, strict=True):
        tracker.init(sequence.frame(0), sequence.bboxes[0])
    for index in range(1, 8):
        for tracker, sequence, expected in zip(trackers, sequences, alone, strict=True):
            assert np.array_equal(tracker.update(sequence.frame(index)).bbox, expected[index - 1])


def test_init_forgets_everything_before():
    first, second = (synthetic_sequence(seed=seed, length=8) for seed in (5, 6))
    fresh = [output.bbox for output in run(load_tracker("hog"), second.frames(), second.bboxes[0])]
    tracker = load_tracker("hog")
    run(tracker, first.frames(), first.bboxes[0])
    again = [output.bbox for output in run(tracker, second.frames(), second.bboxes[0])]
    assert np.array_equal(fresh, again)


def test_the_response_lies_where_the_target_is():
    """The peak's cell, put into the image by ``response_bbox``, is the target's new centre."""
    first, bbox = textured_frame()
    second, truth = textured_frame((24, -18))
    (output,) = run(load_tracker("hog", num_scales=1), [first, second], bbox)
    height, width = output.response.shape[-2:]
    row, column = divmod(int(output.response.argmax()), width)
    x, y, w, h = output.response_bbox
    peak = (x - 0.5 + (column + 0.5) * w / width, y - 0.5 + (row + 0.5) * h / height)
    assert peak == pytest.approx(bbox_center(truth), abs=0.6 * w / width)


def test_a_target_that_vanishes_is_reported_lost_and_not_forgotten():
    sequence = synthetic_sequence(seed=1, length=20)
    tracker = load_tracker("hog")
    run(tracker, sequence.frames(), sequence.bboxes[0])
    empty = np.random.default_rng(0).integers(90, 130, (240, 320, 3), dtype=np.uint8)
    assert all(tracker.update(empty).lost for _ in range(4))
    assert not tracker.update(sequence.frame(19)).lost


def test_frames_of_another_size_and_grey_frames_are_followed():
    first, bbox = textured_frame()
    grey = first.mean(axis=2, keepdims=True).astype(np.uint8).repeat(3, axis=2)
    tracker = load_tracker("hog")
    tracker.init(grey, bbox)
    larger = np.pad(grey, ((0, 40), (0, 60), (0, 0)), constant_values=110)
    assert bbox_iou(tracker.update(larger).bbox, bbox) > 0.9


@pytest.mark.parametrize("name", ["gray", "hog"])
def test_a_frame_without_any_texture_is_survived(name):
    flat = np.full((120, 160, 3), 77, dtype=np.uint8)
    for output in run(load_tracker(name), [flat] * 3, (60, 40, 30, 30)):
        assert np.isfinite(output.bbox).all()
        assert output.lost
        assert bbox_iou(output.bbox, (60, 40, 30, 30)) > 0.5


@pytest.mark.parametrize(
    "bbox", [(0, 0, 160, 120), (150, 110, 9, 9), (-4, -4, 10, 10), (10, 5, 3, 100), (20, 20, 2, 2)]
)
def test_odd_boxes_are_tracked_without_trouble(bbox):
    frames = [synthetic_sequence(seed=0, length=3, size=(160, 120)).frame(index) for index in range(3)]
    for output in run(load_tracker("hog"), frames, bbox):
        assert np.isfinite(output.bbox).all()
        assert (output.bbox[2:] > 0).all()


def smooth_noise(rng, height, width, sigma):
    noise = cv2.GaussianBlur(rng.uniform(0, 255, (height, width, 3)), (0, 0), sigma)
    return ((noise - noise.min()) / np.ptp(noise) * 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "seed"), [("hog", 0), ("compact", 0), ("fast", 0), ("fast", 5), ("fast", 6), ("fast", 11)]
)
def test_a_post_that_passes_in_front_of_the_target_does_not_take_the_box_along(name, seed):
    rng = np.random.default_rng(seed)
    scene, bbox = smooth_noise(rng, 180, 240, 4), np.array([100, 70, 30, 40])
    scene[70:110, 100:130] = smooth_noise(rng, 40, 30, 2)
    post = smooth_noise(rng, 180, 44, 3)
    frames = [scene.copy() for _ in range(40)]
    for frame, x in zip(frames[6:], range(50, 196, 4), strict=False):  # from left to right, past the target
        frame[:, x : x + 44] = post
    assert bbox_iou(run(load_tracker(name), frames, bbox)[-1].bbox, bbox) > 0.8


def test_the_tracker_stays_inside_the_frame():
    first, bbox = textured_frame()
    tracker = load_tracker("hog")
    tracker.init(first, bbox)
    noise = np.random.default_rng(1)
    for _ in range(10):
        box = tracker.update(noise.integers(0, 256, (240, 320, 3), dtype=np.uint8)).bbox
        x, y = bbox_center(box)
        assert 0 <= x <= 319
        assert 0 <= y <= 239


@pytest.mark.gpu
def test_the_gpu_follows_like_the_cpu():
    sequence = synthetic_sequence(seed=1, length=20, attributes=("SV",))
    on_cpu, on_gpu = (
        [o.bbox for o in run(load_tracker("hog", device=device), sequence.frames(), sequence.bboxes[0])]
        for device in ("cpu", "cuda")
    )
    assert bbox_iou(on_cpu, on_gpu).min() > 0.9


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["squeezenet", "hog+color+squeezenet"])
def test_squeezenet_follows_a_real_target(shared, backbone):
    from data import read_otb

    sequence = read_otb(shared / "otb" / "Crossing")[0]
    weights = str(shared / "weights" / "squeezenet1_0_imagenet.npz")
    tracker = load_tracker("squeezenet", backbone=backbone, weights=weights)
    frames = [frame for frame, _ in zip(sequence.frames(), range(20), strict=False)]
    overlap = bbox_iou([o.bbox for o in run(tracker, frames, sequence.bboxes[0])], sequence.bboxes[1:20])
    assert overlap.mean() > 0.6


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "frames", "floor"),
    [
        ("Crossing", 120, 0.7),
        ("Football1", 74, 0.5),
        ("Jogging", 150, 0.6),
        ("Car4", 120, 0.75),
        ("David", 120, 0.65),
    ],
)
def test_real_targets_are_followed(shared, name, frames, floor):
    """Success AUC of the default tracker, well below what docs/benchmarks.md reports."""
    from data import read_otb

    sequence = read_otb(shared / "otb" / name)[0]
    images = (frame for frame, _ in zip(sequence.frames(), range(frames), strict=False))
    outputs = run(load_tracker("hog"), images, sequence.bboxes[0])
    overlap = bbox_iou([output.bbox for output in outputs], sequence.bboxes[1:frames])
    assert np.mean(overlap[:, None] > np.linspace(0, 1, 21)) > floor
