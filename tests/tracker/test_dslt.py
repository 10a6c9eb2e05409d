"""The DSLT tracker on generated frames whose truth is known, and parity checks with the paper and its code."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from data import synthetic_sequence
from data.boxes import bbox_center, bbox_iou
from data.labels import gaussian_label
from losses import build_loss
from tests.material.dslt import load
from tests.material.targets import run
from tracker import Tracker
from tracker.backbones import build_backbone
from tracker.solvers.adam import AdamState

NAMES = ("dslt", "dslt-paper", "dslt-code")


def frame_with_target(center, size_wh, frame_wh=(320, 240)):
    """A smooth texture of given centre and size (whole pixels of the box) on a flat frame; frame and box."""
    texture = torch.from_numpy(np.random.default_rng(3).integers(0, 256, (1, 3, 9, 9))).float()
    width, height = size_wh
    patch = nn.functional.interpolate(texture, size=(height, width), mode="bilinear")[0]
    frame = np.full((frame_wh[1], frame_wh[0], 3), 110, dtype=np.uint8)
    x, y = (round(c - (side - 1) / 2) for c, side in zip(center, size_wh, strict=True))
    frame[y : y + height, x : x + width] = patch.permute(1, 2, 0).round().byte().numpy()
    return frame, np.array([x, y, width, height], dtype=float)


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_keeps_the_protocol(name):
    tracker = load(name)
    assert isinstance(tracker, Tracker)
    frame, bbox = frame_with_target((160, 120), (40, 40))
    with pytest.raises(RuntimeError, match=r"call init\(image, bbox\)"):
        tracker.update(frame)
    first = run(tracker, [frame] * 3, bbox)
    again = run(tracker, [frame] * 3, bbox)
    for output, repeated in zip(first, again, strict=True):
        assert output.bbox.dtype == np.float64
        assert np.array_equal(output.bbox, repeated.bbox)  # nothing of the target before is left
        assert output.response.dtype == torch.float32
        assert all(side % 2 for side in output.response.shape[-2:])  # it has a middle cell
        assert output.psr > 0
    assert bbox_iou(first[-1].bbox, bbox) > 0.9


@pytest.mark.parametrize("name", ["dslt", "dslt-paper"])
@pytest.mark.parametrize("shift", [(0, 0), (8, -4), (-13, 9), (20, 17)])
def test_a_shifted_patch_is_found_without_gain(name, shift):
    """Parity test (e): the displacement is the peak's, by the stride of the map. A cell is 4 pixels here.

    Without a motion prior, which draws a peak as broad as this one back by a twentieth of its way.
    """
    first, bbox = frame_with_target((160, 120), (40, 40))
    second, truth = frame_with_target((160 + shift[0], 120 + shift[1]), (40, 40))
    (output,) = run(load(name, num_scales=1, motion_sigma_factor=1e3), [first, second], bbox)
    assert bbox_center(output.bbox) == pytest.approx(bbox_center(truth), abs=0.1)


def test_the_released_codes_stretch_enlarges_displacements_as_derived():
    """A valid response covers F − k + 1 of F cells and is stretched over all of them."""
    first, bbox = frame_with_target((160, 120), (40, 40))
    second, _ = frame_with_target((172, 120), (40, 40))
    moves = []
    for stretch in (False, True):
        (output,) = run(load("dslt-code", num_scales=1, stretch=stretch), [first, second], bbox)
        moves.append(bbox_center(output.bbox)[0] - bbox_center(bbox)[0])
    cells = output.response.shape[-1]
    assert cells == 50 - 10 + 1  # 40 pixels are 10 cells
    assert moves[0] == pytest.approx(12, abs=1.0)
    assert moves[1] == pytest.approx(moves[0] * 50 / cells, abs=1e-9)


@pytest.mark.parametrize("factor", [0.94, 1.06])
@pytest.mark.parametrize("name", ["dslt", "dslt-paper"])
def test_the_zoom_of_a_square_is_recovered(name, factor):
    """Parity test (f): the target grows or shrinks step by step, and the box with it."""
    sizes = [round(50 * factor**step) for step in (0, 1, 2, 3, 4, 4, 4) for _ in range(4)]
    frames, truths = zip(*(frame_with_target((160, 120), (size, size)) for size in sizes), strict=True)
    outputs = run(load(name, channels=32), frames, truths[0])
    assert outputs[-1].bbox[2] / 50 == pytest.approx(factor**4, rel=0.05)


@pytest.mark.parametrize("crop_size", [196, 200])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("target_wh", [(40, 40), (44, 40), (31, 52)])
def test_label_and_prior_have_their_middle_where_the_filter_has_it(crop_size, padding, target_wh):
    """Parity test (d): for odd and even maps and filters alike, one highest cell and symmetry about it."""
    tracker = load(crop_size=crop_size, padding=padding)
    frame, bbox = frame_with_target((160, 120), target_wh)
    tracker.init(frame, bbox)
    _, _, height, width = tracker._memory.labels.shape
    offset = tracker._center - tracker._region().center
    label = tracker._memory.labels[0, 0] if not offset.any() else tracker._label(tracker._region())
    middle = (height // 2, width // 2)
    assert divmod(int(tracker._prior.argmax()), width) == middle
    assert torch.allclose(tracker._prior, tracker._prior.flip(0, 1), atol=1e-6)
    assert divmod(int(label.argmax()), width) == middle
    # A filter that picks the feature at its own middle answers with its shift alone: none at the middle cell.
    rows, columns = tracker._filter.support
    assert rows.start + rows.stop == columns.start + columns.stop == crop_size // 4
    pads = tracker._filter.padding_hw
    assert rows.start + pads[0] == middle[0]
    assert columns.start + pads[1] == middle[1]


@pytest.mark.parametrize("length", [8, 9])
def test_labels_are_symmetric_about_the_middle_cell(length):
    """Parity test (d) on the label itself; the centre of an even map may be asked for by a half-cell offset."""
    odd = length % 2
    label = gaussian_label((length, length), 1.3, (0.0, 0.0) if odd else (-0.5, -0.5))
    assert torch.allclose(label, label.flip(0))
    assert torch.allclose(label, label.flip(1))
    assert int((label == label.max()).sum()) == (1 if odd else 4)


def test_the_label_is_the_papers_and_the_codes_gaussian_of_the_targets_size():
    frame, bbox = frame_with_target((160, 120), (40, 60))
    for name, factor in (("dslt-paper", 0.1), ("dslt-code", 0.08)):
        tracker = load(name)
        tracker.init(frame, bbox)
        region = tracker._region()
        cells = np.array([60, 40]) * 50 / tracker._first_side
        rows, columns = tracker._response_hw
        dx, dy = (tracker._center - region.center) * 50 / region.side
        y, x = np.mgrid[:rows, :columns]
        dy, dx = y - rows // 2 - dy, x - columns // 2 - dx
        truth = np.exp(-0.5 * ((dy / (factor * cells[0])) ** 2 + (dx / (factor * cells[1])) ** 2))
        assert tracker._memory.labels[0, 0].numpy() == pytest.approx(truth, abs=1e-5)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("name", ["dslt-paper", "dslt-code"])
@pytest.mark.parametrize("folder", ["Crossing", "David", "Jumping"])
def test_the_first_frame_converges_in_twenty_to_a_hundred_steps(shared, name, folder, monkeypatch):
    from data import read_otb

    sequence = read_otb(shared / "otb" / folder)[0]
    weights = str(shared / "weights" / "squeezenet1_0_imagenet.npz")
    tracker = load(name, backbone="squeezenet", weights=weights, channels=128)
    steps, step = [], AdamState.step
    monkeypatch.setattr(AdamState, "step", lambda *given: steps.append(1) or step(*given))
    tracker.init(next(iter(sequence.frames())), sequence.bboxes[0])
    assert 20 <= len(steps) < 100


@pytest.mark.parametrize("name", NAMES)
def test_a_synthetic_target_is_followed(name):
    sequence = synthetic_sequence(seed=2, length=30)
    outputs = run(load(name), sequence.frames(), sequence.bboxes[0])
    overlap = bbox_iou([output.bbox for output in outputs], sequence.bboxes[1:])
    assert overlap.mean() > (0.4 if name == "dslt-code" else 0.6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dslt", "dslt-paper"])
def test_the_response_does_not_grow_over_a_thousand_frames(name):
    """Twenty frames to and fro, so that frame 1001 shows what frame 41 showed."""
    sequence = synthetic_sequence(seed=3, length=20)
    frames = list(sequence.frames())
    tracker = load(name, crop_size=100)
    tracker.init(frames[0], sequence.bboxes[0])
    to_and_fro = itertools.cycle([*range(1, 19), *range(19, 0, -1), 0])
    scores = np.array(
        [tracker.update(frames[index]).score for index, _ in zip(to_and_fro, range(1000), strict=False)]
    )
    early, late = scores[38:114].mean(), scores[-76:].mean()
    assert late < 1.2 * early
    assert scores.max() < 1.5


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_without_texture_and_an_extreme_box_leave_finite_boxes(name):
    flat = np.full((120, 160, 3), 90, dtype=np.uint8)
    for output in run(load(name), [flat] * 3, (60, 40, 30, 30)):
        assert output.bbox == pytest.approx([60, 40, 30, 30], abs=4)
    frame, _ = frame_with_target((160, 120), (40, 40))
    for bbox in ((158, 20, 4, 200), (160, 120, 2, 2)):
        for output in run(load(name), [frame] * 3, bbox):
            assert np.isfinite(output.bbox).all()


def test_any_regression_loss_is_learned_with():
    sequence = synthetic_sequence(seed=2, length=10)
    for loss in ("l2", "l3", "shrinkage", "ghm-r"):
        tracker = load(criterion=build_loss(loss))
        outputs = run(tracker, sequence.frames(), sequence.bboxes[0])
        assert bbox_iou([o.bbox for o in outputs], sequence.bboxes[1:]).mean() > 0.6, loss


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dslt-paper", "dslt-code"])
def test_vgg_of_generated_weights_runs_the_same_preset(tmp_path, name):
    generator, tensors, channels = torch.Generator().manual_seed(0), {}, 3
    for stage, (count, width) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), start=1):
        for number in range(1, count + 1):
            weight = torch.randn(width, channels, 3, 3, generator=generator) * (2 / (9 * channels)) ** 0.5
            tensors[f"conv{stage}_{number}.weight"] = weight
            tensors[f"conv{stage}_{number}.bias"], channels = torch.zeros(width), width
    torch.save(tensors, tmp_path / "vgg.pth")
    backbone = "vgg16" if name == "dslt-paper" else "vgg16-stride4"
    tracker = load(name, backbone=backbone, weights=str(tmp_path / "vgg.pth"), crop_size=128)
    first, bbox = frame_with_target((160, 120), (40, 40))
    second, truth = frame_with_target((164, 120), (40, 40))
    (output,) = run(tracker, [first, second], bbox)
    assert bbox_iou(output.bbox, truth) > 0.6
    assert build_backbone(backbone, str(tmp_path / "vgg.pth")).blocks == (512, 512)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_squeezenet_follows_a_real_target(shared, name):
    from data import read_otb

    sequence = read_otb(shared / "otb" / "Crossing")[0]
    weights = str(shared / "weights" / "squeezenet1_0_imagenet.npz")
    tracker = load(name, backbone="squeezenet", weights=weights)
    frames = (frame for frame, _ in zip(sequence.frames(), range(20), strict=False))
    overlap = bbox_iou([o.bbox for o in run(tracker, frames, sequence.bboxes[0])], sequence.bboxes[1:20])
    assert overlap.mean() > (0.3 if name == "dslt-code" else 0.6)
