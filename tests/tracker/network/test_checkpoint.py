"""From a checkpoint of the train command to a network and a tracker."""

import pytest
import torch
from safetensors.torch import save_file

from data import synthetic_sequence
from data.boxes import bbox_iou
from tests.material.checkpoints import SETTINGS, write
from tracker import load_tracker
from tracker.features import FeatureExtractor
from tracker.network.checkpoint import load_regression_net, read_metadata


def test_a_network_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / "best.safetensors"
    written = write(path)
    read = load_regression_net(path)
    assert not read.training
    assert read.state_dict().keys() == written.state_dict().keys()
    for name, tensor in read.state_dict().items():
        assert torch.equal(tensor, written.state_dict()[name])


@pytest.mark.parametrize("settings", [{"box_rate": 0.0}, {"box_head": False}])
def test_a_checkpoint_is_a_tracker(checkpoint, settings):
    sequence = synthetic_sequence(1, 12)
    tracker = load_tracker(str(checkpoint), **settings)
    frames = sequence.frames()
    tracker.init(next(frames), sequence.bboxes[0])
    boxes = [tracker.update(frame).bbox for frame in frames]
    assert bbox_iou(boxes, sequence.bboxes[1:]).min() > 0.5


def test_a_box_head_sees_targets_as_large_as_in_training(checkpoint):
    """Trained on crops of 160 pixels and four target sizes; its maps have pairs of cells of 16 pixels."""
    tracker = load_tracker(str(checkpoint))
    assert (tracker.search.crop_size, tracker.search.search_area_scale) == (144, 3.6)
    assert tracker.box is not None
    assert load_tracker(str(checkpoint), search_area_scale=5.0).search.search_area_scale == 5.0


def test_a_network_without_a_box_head_has_no_settings_of_one(tmp_path):
    path = tmp_path / "best.safetensors"
    write(path, {**SETTINGS, "box_head": False})
    assert load_tracker(str(path)).box is None
    with pytest.raises(ValueError, match="unknown setting 'box_rate'"):
        load_tracker(str(path), box_rate=0.5)


def test_a_checkpoint_takes_no_other_weights(checkpoint):
    with pytest.raises(ValueError, match="holds its weights itself"):
        load_tracker(str(checkpoint), weights="other.safetensors")


def test_what_is_no_checkpoint_is_said(tmp_path, checkpoint):
    with pytest.raises(FileNotFoundError, match=r"checkpoint .* does not exist"):
        load_tracker(str(tmp_path / "none.safetensors"))
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(checkpoint.read_bytes()[:-100])
    with pytest.raises(ValueError, match="must be one that `train` wrote"):
        load_tracker(str(cut))
    plain = tmp_path / "plain.safetensors"
    save_file({"a": torch.zeros(1)}, plain)
    with pytest.raises(ValueError, match="must be one that `train` wrote"):
        read_metadata(plain)


def test_tensors_that_do_not_fit_are_named(tmp_path):
    path = tmp_path / "best.safetensors"
    write(path, **{"reduction.weight": torch.zeros(5, 42, 1, 1)})
    with pytest.raises(ValueError, match=r"reduction\.weight"):
        load_regression_net(path)


def test_features_on_line_are_those_of_training(checkpoint):
    """What the filter sees in tracking is what it saw in training, for one and the same crop."""
    net = load_regression_net(checkpoint)
    torch.manual_seed(1)
    coarse = torch.rand(2, 3, 32, 32) * 255
    template, search = torch.nn.functional.interpolate(coarse, scale_factor=4, mode="bilinear").split(1)
    raw = net.features(torch.cat([template, search])).chunk(2)
    known, seen = net._reduced(*net._standardised(*raw))
    extractor = FeatureExtractor(net.features, reduction=net.reduction.weight[:, :, 0, 0])
    torch.testing.assert_close(extractor.learn(extractor.backbone(template)), known, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(extractor(search), seen, rtol=1e-4, atol=1e-4)
