"""SqueezeNet against its layers written out, and its weights from every kind of file."""

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.material.backbones import write_weights
from tracker.backbones.squeezenet import SqueezeNet
from tracker.network.checkpoint import METADATA, load_regression_net
from tracker.network.regression_net import build_regression_net


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pth"])
def test_squeezenet_loads_every_kind_of_file(tmp_path, squeezenet_tensors, suffix):
    net = SqueezeNet(write_weights(tmp_path / f"net{suffix}", squeezenet_tensors))
    for name, tensor in net.features.state_dict(prefix="features.").items():
        assert torch.equal(tensor, squeezenet_tensors[name])


def test_squeezenet_comes_back_from_a_checkpoint_with_its_kind_of_input(tmp_path, squeezenet_tensors):
    """Nothing is fetched, and weights that came from Caffe still take BGR less its mean."""
    caffe = write_weights(tmp_path / "caffe.npz", squeezenet_tensors)
    settings = {
        "backbone": "squeezenet",
        "initial": str(caffe),
        "fixed": None,
        "channels": 8,
        "box_head": False,
    }
    written = build_regression_net(**settings)
    tensors = {name: tensor.contiguous() for name, tensor in written.state_dict().items()}
    path = tmp_path / "best.safetensors"
    save_file(tensors, path, {METADATA: json.dumps({"config": {"model": settings}})})
    caffe.unlink()
    images = 255 * torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(load_regression_net(path).features(images), written.features(images))


def test_squeezenet_is_the_network_of_the_paper(tmp_path, squeezenet_tensors):
    """Layer by layer with plain functions, on the image that the network itself pads to."""
    net = SqueezeNet(write_weights(tmp_path / "net.npz", squeezenet_tensors))
    image = 255 * torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    bgr = image[:, [2, 1, 0]] - torch.tensor([104.0, 117.0, 123.0]).view(3, 1, 1)

    def conv(x, name, **options):
        weight, bias = (squeezenet_tensors[f"features.{name}.{kind}"] for kind in ("weight", "bias"))
        return nn.functional.conv2d(x, weight, bias, **options).relu()

    def fire(x, index):
        squeezed = conv(x, f"{index}.squeeze")
        return torch.cat(
            [conv(squeezed, f"{index}.expand1x1"), conv(squeezed, f"{index}.expand3x3", padding=1)], dim=1
        )

    def pool(x):
        return nn.functional.max_pool2d(x, 3, 2, ceil_mode=True)

    x = pool(conv(nn.functional.pad(bgr, (4, 3, 4, 3), mode="replicate"), "0", stride=2))
    fire4 = fire(fire(fire(x, 3), 4), 5)
    fire8 = fire(fire(fire(fire(pool(fire4), 7), 8), 9), 10)
    with torch.no_grad():
        got = net(image)
    assert got.shape == (1, 768, 16, 16)
    assert torch.allclose(got[:, :256], fire4, atol=1e-4)
    centre = nn.functional.interpolate(fire8, size=(16, 16), mode="bilinear")
    assert torch.allclose(got[:, 256:], centre, atol=1e-4)


def test_squeezenet_of_torchvision_takes_standardised_rgb(tmp_path, squeezenet_tensors):
    net = SqueezeNet(write_weights(tmp_path / "net.pth", squeezenet_tensors))
    grey = torch.full((1, 3, 64, 64), 255 * 0.456)
    expected = torch.tensor([(0.456 - 0.485) / 0.229, 0.0, (0.456 - 0.406) / 0.225])
    assert torch.allclose(net.input(grey)[0, :, 5, 5], expected, atol=1e-6)
