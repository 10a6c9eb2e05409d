"""Training's network: responses, labels and boxes against geometry."""

from copy import deepcopy

import pytest
import torch

from tracker.backbones import build_backbone
from tracker.backbones.compact import Compact
from tracker.network.box_head import box_loss
from tracker.network.filter_layers import FILTER_LAYERS, RidgeLayer
from tracker.network.regression_net import (
    RegressionNet,
    build_regression_net,
    middle_mask,
)


def test_middle_mask_covers_the_targets_cells():
    mask = middle_mask(torch.tensor([[4.0, 2.0], [3.0, 40.0]]), (8, 8))
    assert mask[0, 0].nonzero().amin(0).tolist() == [3, 2]
    assert mask[0, 0].nonzero().amax(0).tolist() == [4, 5]
    # Three columns cannot stand in the middle of eight: one more, as the on-line solver has it.
    assert mask[1].sum(2).tolist() == [[4.0] * 8]


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return build_regression_net(fixed="hog+color", filter="ridge", box_head=True)


def images(count=2, size=176):
    torch.manual_seed(3)
    coarse = torch.rand(count, 3, size // 4, size // 4) * 255
    return torch.nn.functional.interpolate(coarse, scale_factor=4, mode="bilinear")


@pytest.mark.parametrize("filter", list(FILTER_LAYERS))
def test_a_moved_target_is_found_where_it_went(filter):
    torch.manual_seed(0)
    net = build_regression_net(fixed=None, channels=None, filter=filter)
    canvas = images()
    template, search = canvas[..., 24:152, 24:152], canvas[..., 32:160, 12:140]
    bbox = torch.tensor([[43.5, 43.5, 41.0, 41.0]]).expand(2, 4)
    found = net(template, bbox, search).response
    moved = bbox + torch.tensor([12.0, -8.0, 0.0, 0.0])
    label = net.label(moved, bbox, (32, 32))
    assert found.flatten(1).argmax(1).tolist() == label.flatten(1).argmax(1).tolist()
    assert label.flatten(1).argmax(1).tolist() == [(16 - 2) * 32 + 16 + 3] * 2


def test_everything_that_is_trained_gets_a_gradient(net):
    canvas = images()
    bbox = torch.tensor([[43.0, 43.0, 42.0, 42.0]]).expand(2, 4)
    found = net(canvas[..., 24:152, 24:152], bbox, canvas[..., 26:154, 22:150])
    (found.response.square().mean() + box_loss(found.boxes, bbox)).backward()
    without = [name for name, tensor in net.named_parameters() if tensor.grad is None]
    assert without == []


@pytest.mark.parametrize("trains", [False, True])
def test_the_box_head_changes_the_features_only_if_it_is_to(trains):
    torch.manual_seed(0)
    net = build_regression_net(fixed=None, channels=None, box_head=True, box_trains_features=trains)
    canvas = images()
    bbox = torch.tensor([[43.0, 43.0, 42.0, 42.0]]).expand(2, 4)
    found = net(canvas[..., 24:152, 24:152], bbox, canvas[..., 26:154, 22:150])
    box_loss(found.boxes, bbox).backward()
    assert all((tensor.grad is not None) == trains for tensor in net.backbone.parameters())
    assert all(tensor.grad is not None for tensor in net.box_head.parameters())


def test_a_pair_does_not_depend_on_the_others_of_its_batch(net):
    """The promise that lets a batch be split over processes; batch statistics of the box head are fixed by then."""
    net = deepcopy(net).eval()
    canvas = images(3)
    bbox = torch.tensor([[43.0, 43.0, 42.0, 42.0]]).expand(3, 4)
    template, search = canvas[..., 24:152, 24:152], canvas[..., 26:154, 22:150]
    together = net(template, bbox, search)
    alone = net(template[1:2], bbox[1:2], search[1:2])
    torch.testing.assert_close(together.response[1:2], alone.response, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together.boxes.bbox[1:2], alone.boxes.bbox, atol=1e-3, rtol=1e-4)


def test_widths_scale_the_backbone_and_strides_must_agree():
    net = build_regression_net(widths=[8, 8, 8, 8, 12], fixed=None)
    assert net.backbone(torch.zeros(1, 3, 32, 32)).shape == (1, 12, 8, 8)
    with pytest.raises(ValueError, match="widths must be at least two"):
        Compact(None, widths=[3])
    fixed = build_backbone("gray")
    fixed.stride = 8
    with pytest.raises(ValueError, match="fixed features must have the backbone's stride 4, got 8"):
        RegressionNet(Compact(None), RidgeLayer(), fixed=fixed)
