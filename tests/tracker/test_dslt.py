"""The DSLT tracker on generated frames whose truth is known, and the parity checks of its two presets."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from data import synthetic_sequence
from data.boxes import bbox_center, bbox_iou
from data.labels import gaussian_label
from losses import build_loss
from tracker import Tracker, load_tracker
from tracker.backbones import build_backbone
from tracker.backbones.gray import Gray
from tracker.dslt import DSLTTracker
from tracker.levels import LevelSettings, TwoLevelFeatures
from tracker.presets.dslt import CODE, PAPER
from tracker.solvers.adam import AdamState
from tracker.solvers.memory import RecentSamples

NAMES = ("dslt", "dslt-paper", "dslt-code")


def load(name="dslt", **settings):
    """A preset on features that need no weights, with its own loss."""
    importance = "dslt_code" if name == "dslt-code" else "exp"
    criterion = build_loss("shrinkage", importance=importance, reduction="sum")
    small = {"backbone": "hog+color", "channels": 8, "criterion": criterion}
    return load_tracker(name, **{**small, **settings})


def frame_with_target(center, size_wh, frame_wh=(320, 240)):
    """A smooth texture of given centre and size (whole pixels of the box) on a flat frame; frame and box."""
    texture = torch.from_numpy(np.random.default_rng(3).integers(0, 256, (1, 3, 9, 9))).float()
    width, height = size_wh
    patch = nn.functional.interpolate(texture, size=(height, width), mode="bilinear")[0]
    frame = np.full((frame_wh[1], frame_wh[0], 3), 110, dtype=np.uint8)
    x, y = (round(c - (side - 1) / 2) for c, side in zip(center, size_wh, strict=True))
    frame[y : y + height, x : x + width] = patch.permute(1, 2, 0).round().byte().numpy()
    return frame, np.array([x, y, width, height], dtype=float)


def run(tracker, frames, bbox):
    frames = iter(frames)
    tracker.init(next(frames), bbox)
    return [tracker.update(frame) for frame in frames]


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


def test_a_preset_that_stands_for_a_loss_asks_for_it():
    assert isinstance(load_tracker("dslt", backbone="hog+color"), DSLTTracker)
    for name in ("dslt-paper", "dslt-code"):
        with pytest.raises(ValueError, match=r"criterion=build_loss\('shrinkage'"):
            load_tracker(name, backbone="hog+color")


def test_presets_differ_where_paper_and_code_do():
    paper, code = load("dslt-paper"), load("dslt-code")
    assert (paper.features.level_settings.fusion, code.features.level_settings.fusion) == (
        (1.0, 1.0),
        (0.8, 0.2),
    )
    assert (
        paper.features.level_settings.reduction_kernel,
        code.features.level_settings.reduction_kernel,
    ) == (1, 3)
    assert (paper.solver.update_rate, code.solver.update_rate) == (0.25, 0.5)
    assert (paper.solver.code_slope, code.solver.code_slope) == (False, True)
    assert paper.solver.frozen_correction
    assert code.solver.frozen_correction
    assert not CODE.keys() & {"memory_size", "scale_step"}  # where both agree
    assert PAPER.keys() & {"solver", "reduction"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"crop_size": 198}, "multiple of the backbone's stride"),
        ({"padding": "circular"}, "padding must be one of same, valid, got 'circular'"),
        ({"search_area_scale": 1.0}, "search_area_scale must be > 1"),
        ({"first_weight": 0.0}, "first_weight must be > 0"),
        ({"memory_size": 0}, "memory_size must be at least 1"),
        ({"update_interval": 0}, "update_interval must be at least 1"),
        ({"output_sigma_factor": 0}, "output_sigma_factor must be > 0"),
        ({"scale_rate": 0}, "scale_rate must be > 0"),
        ({"num_scales": 2}, "num_scales must be odd"),
        ({"reduction": "pac"}, "reduction must be one of pca, random"),
        ({"channels": 0}, "channels must be at least 1"),
        ({"reduction_kernel": 3}, "reduction_kernel must be 1 for 'pca'"),
        ({"backbone": "gray"}, "backbone must have two levels"),
        ({"solver": "adm"}, "did you mean 'adam'"),
        ({"update_intervall": 2}, "did you mean 'update_interval'"),
    ],
)
def test_a_setting_out_of_range_or_misspelt_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        load(**settings)


class Fixed(Gray):
    """A backbone of given maps and blocks, whatever the image."""

    def __init__(self, maps, blocks):
        super().__init__()
        self.maps, self.blocks = maps, blocks

    def forward(self, images):
        return self.maps.expand(len(images), -1, -1, -1)


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([300.0] * 6 + [0.02] * 4).view(1, 10, 1, 1)
    return torch.rand(1, 10, 12, 12, generator=generator) * scale


@pytest.mark.parametrize("reduction", ["pca", "random"])
def test_both_levels_get_unit_energy_whatever_their_scale(maps, reduction):
    features = TwoLevelFeatures(
        Fixed(maps, (6, 4)), LevelSettings(reduction=reduction, channels=3, fusion=(1.0, 0.0))
    )
    shallow, deep = features.start(torch.zeros(1, 3, 48, 48)).split(3, dim=1)
    assert float(shallow.square().sum(1).mean()) == pytest.approx(1, rel=1e-4)
    assert float(deep.square().sum(1).mean()) == pytest.approx(1, rel=1e-4)
    assert torch.equal(features(torch.zeros(2, 3, 48, 48))[1:], features.start(torch.zeros(1, 3, 48, 48)))


def test_the_deep_level_enters_twice(maps):
    plain, residual = (
        TwoLevelFeatures(Fixed(maps, (6, 4)), LevelSettings(reduction="random", channels=3, fusion=fusion))
        for fusion in ((1.0, 0.0), (0.8, 0.2))
    )
    shallow, deep = plain.start(torch.zeros(1, 3, 48, 48)).split(3, dim=1)
    base, own = residual.start(torch.zeros(1, 3, 48, 48)).split(3, dim=1)
    assert torch.allclose(base, 0.8 * shallow + 0.2 * deep, atol=1e-6)
    assert torch.equal(own, deep)


def test_principal_components_hold_all_there_is(maps):
    features = TwoLevelFeatures(Fixed(maps, (6, 4)), LevelSettings(channels=6))
    shallow, deep = features.start(torch.zeros(1, 3, 48, 48))[0].flatten(1).split(6)
    for reduced, level in ((shallow, maps[0, :6]), (deep, maps[0, 6:])):
        centred = level.flatten(1) - level.flatten(1).mean(1, keepdim=True)
        gram, truth = reduced.T @ reduced, centred.T @ centred
        assert torch.allclose(gram / gram.trace(), truth / truth.trace(), atol=1e-5)
    assert not deep[4:].any()  # a level of four channels fills four


def test_random_reduction_is_msras_and_the_seeds(maps):
    wide = torch.rand(1, 600, 6, 6, generator=torch.Generator().manual_seed(0))
    features = TwoLevelFeatures(
        Fixed(wide, (300, 300)), LevelSettings(reduction="random", channels=128, reduction_kernel=3)
    )
    weights = features._random_weights(300, torch.Generator().manual_seed(1))
    assert weights.shape == (128, 300, 3, 3)
    assert float(weights.std()) == pytest.approx(np.sqrt(2 / 2700), rel=0.01)
    first, same = features.start(torch.zeros(1, 3, 24, 24)), features.start(torch.zeros(1, 3, 24, 24))
    assert torch.equal(first, same)
    other = TwoLevelFeatures(features.backbone, replace(features.level_settings, seed=702))
    assert not torch.allclose(first, other.start(torch.zeros(1, 3, 24, 24)))


def sample(value):
    return torch.full((2, 3, 3), float(value)), torch.full((3, 3), float(value))


def test_the_ring_keeps_frame_1_and_the_six_latest_alike():
    memory = RecentSamples(7, *sample(1), (0, 0), 1 / 7)
    for frame in range(2, 12):
        memory.add(*sample(frame))
        kept = [1, *range(max(2, frame - 5), frame + 1)]
        assert sorted(memory.features[:, 0, 0, 0].tolist()) == kept
        assert torch.equal(memory.features[:, 0, 0, 0], memory.labels[:, 0, 0, 0])
        assert memory.features[0, 0, 0, 0] == 1
    assert torch.allclose(memory.weights, torch.full((7,), 1 / 7))


def test_frame_1_weighs_what_it_is_to_once_the_memory_is_full():
    memory = RecentSamples(5, *sample(1), (0, 0), 0.6)
    seen = [memory.weights.tolist()]
    for frame in range(2, 9):
        memory.add(*sample(frame))
        seen.append(memory.weights.tolist())
    assert seen[0] == [1.0]
    assert seen[1] == pytest.approx([0.9, 0.1])
    assert seen[4] == seen[-1] == pytest.approx([0.6, 0.1, 0.1, 0.1, 0.1])


def test_a_memory_of_one_keeps_frame_1():
    memory = RecentSamples(1, *sample(1), (0, 0), 0.5)
    memory.add(*sample(2))
    assert memory.features[:, 0, 0, 0].tolist() == [1]


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
