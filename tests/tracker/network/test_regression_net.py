"""Training's network: filters against dense solutions, labels and boxes against geometry."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from tracker.backbones import build_backbone
from tracker.backbones.compact import Compact
from tracker.network.box_head import box_loss
from tracker.network.filter_layers import FILTER_LAYERS, RidgeLayer, SpatialLayer
from tracker.network.regression_net import (
    RegressionNet,
    build_regression_net,
    middle_mask,
)


def correlation_matrix(features: np.ndarray) -> np.ndarray:
    """Rows: the response at each displacement, wrapped, as a linear function of the filter ``(C, h, w)``."""
    _, height, width = features.shape
    rows = []
    for v in range(height):
        for u in range(width):
            rows.append(np.roll(features, (-v, -u), axis=(1, 2)).ravel())
    return np.array(rows)


def dense_filter(features, label, mask, ridge):
    """The minimiser of |X w - y|² + λ|w|² over filters that live where the mask is, in float64."""
    matrix = correlation_matrix(features)[:, np.broadcast_to(mask, features.shape).ravel() > 0]
    wanted = np.fft.ifftshift(label).ravel()
    solution = np.linalg.solve(matrix.T @ matrix + ridge * np.eye(matrix.shape[1]), matrix.T @ wanted)
    filter_ = np.zeros(features.size)
    filter_[np.broadcast_to(mask, features.shape).ravel() > 0] = solution
    return filter_


def problem(seed=0, size=8, channels=2):
    rng = np.random.default_rng(seed)
    template, search = rng.normal(size=(2, channels, size, size))
    rows = np.arange(size) - size // 2
    label = np.exp(-0.5 * (rows[:, None] ** 2 + rows[None] ** 2))
    mask = np.zeros((1, size, size))
    mask[:, 2:6, 3:5] = 1
    return template, search, label, mask


@pytest.mark.parametrize("layer", [RidgeLayer(3.0), SpatialLayer(3.0, iterations=40)])
def test_filter_layers_agree_with_a_dense_solution(layer):
    template, search, label, mask = problem()
    support = np.ones_like(mask) if isinstance(layer, RidgeLayer) else mask
    # The closed form's λ is in units of the unnormalised spectrum, whose squares are the map's, times no factor.
    filter_ = dense_filter(template, label, support, 3.0)
    expected = np.fft.fftshift((correlation_matrix(search) @ filter_).reshape(label.shape))
    tensors = [
        torch.tensor(array, dtype=torch.float32)[None] for array in (template, label[None], mask, search)
    ]
    response = layer(*tensors).detach().numpy()[0, 0]
    np.testing.assert_allclose(response, expected, atol=2e-5)


@pytest.mark.parametrize("name", list(FILTER_LAYERS))
def test_gradients_pass_through_the_filter(name):
    layer = FILTER_LAYERS[name](2.0).double()
    template, search, label, mask = (torch.tensor(array)[None] for array in problem(size=6))
    mask = torch.ones(1, 1, 6, 6, dtype=torch.float64)
    layer.float = lambda: layer

    def response(template, search):
        spectrum = torch.fft.rfft2(template)
        wanted = torch.fft.rfft2(torch.fft.ifftshift(label[:, None], dim=(-2, -1)))
        conjugate = layer.solve(spectrum, wanted, mask)
        return torch.fft.irfft2((torch.fft.rfft2(search) * conjugate).sum(1), s=(6, 6))

    inputs = [tensor.clone().requires_grad_() for tensor in (template, search)]
    assert torch.autograd.gradcheck(response, inputs)


def test_filter_layers_compute_in_float32_under_autocast():
    template, search, label, mask = (torch.tensor(array, dtype=torch.float32)[None] for array in problem())
    layer = RidgeLayer(3.0)
    plain = layer(template, label[None], mask, search)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(template, label[None], mask, search), plain)


@pytest.mark.parametrize(("layer", "arguments"), [(RidgeLayer, (0.0,)), (SpatialLayer, (1.0, 0))])
def test_filter_layers_refuse_wrong_numbers(layer, arguments):
    with pytest.raises(ValueError, match="must be"):
        layer(*arguments)


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


def test_compact_features_of_a_place_do_not_depend_on_the_crop_around_it():
    torch.manual_seed(0)
    net = Compact(None)
    canvas = images(1, 160)
    whole, part = net(canvas), net(canvas[..., 40:120, 40:120])
    torch.testing.assert_close(whole[..., 14:26, 14:26], part[..., 4:16, 4:16], atol=1e-5, rtol=1e-4)


def test_widths_scale_the_backbone_and_strides_must_agree():
    net = build_regression_net(widths=[8, 8, 8, 8, 12], fixed=None)
    assert net.backbone(torch.zeros(1, 3, 32, 32)).shape == (1, 12, 8, 8)
    with pytest.raises(ValueError, match="widths must be at least two"):
        Compact(None, widths=[3])
    fixed = build_backbone("gray")
    fixed.stride = 8
    with pytest.raises(ValueError, match="fixed features must have the backbone's stride 4, got 8"):
        RegressionNet(Compact(None), RidgeLayer(), fixed=fixed)
