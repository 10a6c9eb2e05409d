"""What published networks take for an image: the order of the channels, their mean and their scale."""

import pytest
import torch

from tracker.backbones.pretrained import caffe_input, torchvision_input, with_input

RGB = torch.tensor([10.0, 20.0, 30.0]).view(1, 3, 1, 1)


def test_caffes_networks_take_bgr_less_a_mean():
    got = caffe_input((1.0, 2.0, 3.0))(RGB)
    assert got.flatten().tolist() == [29.0, 18.0, 7.0]


def test_torchvisions_networks_take_rgb_standardised_in_units_of_one():
    got = torchvision_input()(RGB).flatten().tolist()
    expected = [(10 / 255 - 0.485) / 0.229, (20 / 255 - 0.456) / 0.224, (30 / 255 - 0.406) / 0.225]
    assert got == pytest.approx(expected, rel=1e-6)


def test_a_checkpoints_own_input_stays():
    form = caffe_input((1.0, 2.0, 3.0))
    added = with_input({"weight": torch.zeros(1)}, form)
    assert set(added) == {"weight", "input.order", "input.mean", "input.deviation"}
    own = with_input({"input.mean": torch.full((3, 1, 1), 7.0)}, form)
    assert own["input.mean"].flatten().tolist() == [7.0] * 3
