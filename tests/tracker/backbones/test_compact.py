"""The small learned backbone."""

import pytest
import torch

from tracker.backbones.compact import Compact
from tracker.network.regression_net import (
    build_regression_net,
)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return build_regression_net(fixed="hog+color", filter="ridge")


def images(count=2, size=176):
    torch.manual_seed(3)
    coarse = torch.rand(count, 3, size // 4, size // 4) * 255
    return torch.nn.functional.interpolate(coarse, scale_factor=4, mode="bilinear")


def test_compact_features_of_a_place_do_not_depend_on_the_crop_around_it():
    torch.manual_seed(0)
    net = Compact(None)
    canvas = images(1, 160)
    whole, part = net(canvas), net(canvas[..., 40:120, 40:120])
    torch.testing.assert_close(whole[..., 14:26, 14:26], part[..., 4:16, 4:16], atol=1e-5, rtol=1e-4)
