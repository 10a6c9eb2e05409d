"""What every backbone promises, and backbones by name and side by side."""

import pytest
import torch

from tracker.backbones import BACKBONES, build_backbone
from tracker.backbones.color import Color
from tracker.backbones.hog import HOG


@pytest.mark.parametrize("name", [name for name in BACKBONES if not BACKBONES[name].takes_weights])
def test_every_backbone_without_weights_keeps_its_promises(name, images):
    backbone = build_backbone(name)
    features = backbone(images)
    height, width = images.shape[-2:]
    assert features.shape == (2, backbone.channels, height // backbone.stride, width // backbone.stride)
    assert features.dtype == torch.float32
    assert torch.allclose(features, torch.cat([backbone(image[None]) for image in images]), atol=1e-5)


def test_backbones_side_by_side_are_blocks_of_channels(images):
    both = build_backbone("hog+color")
    assert both.blocks == (31, 3)
    assert torch.equal(both(images), torch.cat([HOG()(images), Color()(images)], dim=1))


def test_an_unknown_backbone_gets_the_nearest_name():
    with pytest.raises(ValueError, match="unknown backbone 'hogg': did you mean 'hog'"):
        build_backbone("color+hogg")


def test_weights_for_a_backbone_without_any_are_refused():
    with pytest.raises(ValueError, match="weights are for one backbone that takes them"):
        build_backbone("hog", "some.npz")
