"""VGG-16 against its layers evaluated one by one, from weights files under either naming."""

import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tracker.backbones import build_backbone
from tracker.backbones.vgg import URL, VGG16

# Simonyan and Zisserman 2015, table 1, column D: Caffe's name, inputs, outputs, place in torchvision's net.
LAYERS = (
    ("conv1_1", 3, 64, 0),
    ("conv1_2", 64, 64, 2),
    ("conv2_1", 64, 128, 5),
    ("conv2_2", 128, 128, 7),
    ("conv3_1", 128, 256, 10),
    ("conv3_2", 256, 256, 12),
    ("conv3_3", 256, 256, 14),
    ("conv4_1", 256, 512, 17),
    ("conv4_2", 512, 512, 19),
    ("conv4_3", 512, 512, 21),
    ("conv5_1", 512, 512, 24),
    ("conv5_2", 512, 512, 26),
    ("conv5_3", 512, 512, 28),
)


@pytest.fixture(scope="module")
def caffe_tensors():
    """Random weights of VGG-16's shapes under Caffe's names, with a classifier layer that is not needed."""
    generator = torch.Generator().manual_seed(0)
    tensors = {"fc8.weight": torch.zeros(4, 4), "fc8.bias": torch.zeros(4)}
    for name, inputs, outputs, _ in LAYERS:
        weight = torch.randn(outputs, inputs, 3, 3, generator=generator)
        tensors[f"{name}.weight"] = weight * math.sqrt(2 / (9 * inputs))
        tensors[f"{name}.bias"] = 0.1 * torch.randn(outputs, generator=generator)
    return tensors


@pytest.fixture(scope="module")
def torchvision_tensors(caffe_tensors):
    return {
        f"features.{place}.{kind}": caffe_tensors[f"{name}.{kind}"]
        for name, _, _, place in LAYERS
        for kind in ("weight", "bias")
    }


@pytest.fixture(scope="module")
def image():
    return 255 * torch.rand(1, 3, 72, 72, generator=torch.Generator().manual_seed(1))


def literal_taps(images, tensors, pools):
    """conv4_3 and conv5_3 after their ReLUs, a layer at a time."""
    maps, taps = images, {}
    for name, *_ in LAYERS:
        stage = int(name[4])
        if name.endswith("_1") and stage > 1 and stage - 1 <= pools:
            maps = nn.functional.max_pool2d(maps, kernel_size=2, stride=2, ceil_mode=True)
        maps = nn.functional.conv2d(maps, tensors[f"{name}.weight"], tensors[f"{name}.bias"], padding=1)
        taps[name] = maps = torch.maximum(maps, torch.zeros(()))
    return taps["conv4_3"], taps["conv5_3"]


def caffe_input(image):
    return image[:, [2, 1, 0]] - torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)


def torchvision_input(image):
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (image / 255 - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)


def assert_taps(got, expected):
    conv4_3, conv5_3 = expected
    assert torch.allclose(got[:, :512], conv4_3, atol=1e-4 * float(conv4_3.max()))
    assert torch.allclose(got[:, 512:], conv5_3, atol=1e-4 * float(conv5_3.max()))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["npz", "pth", "safetensors"])
def test_without_pools_3_and_4_both_taps_have_stride_4(
    tmp_path, caffe_tensors, torchvision_tensors, image, suffix
):
    """The released code's form; Caffe's names in one kind of file, torchvision's in the others."""
    path = tmp_path / f"vgg.{suffix}"
    if suffix == "npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in caffe_tensors.items()})
    elif suffix == "pth":
        torch.save(torchvision_tensors, path)
    else:
        save_file(torchvision_tensors, path)
    net = build_backbone("vgg16-stride4", str(path))
    got = net(image)
    assert (net.stride, net.channels, got.shape) == (4, 1024, (1, 1024, 18, 18))
    images = caffe_input(image) if suffix == "npz" else torchvision_input(image)
    assert_taps(got, literal_taps(images, caffe_tensors, pools=2))


@pytest.mark.slow
def test_with_its_pools_conv5_3_is_brought_up_to_stride_8(tmp_path, caffe_tensors, image):
    """The paper's form. 72 pixels give 9 cells of 8 and, rounded up, 5 of 16, which are 10 of 8: one too many."""
    torch.save(caffe_tensors, tmp_path / "caffe.pth")
    net = build_backbone("vgg16", str(tmp_path / "caffe.pth"))
    got = net(image)
    assert (net.stride, net.channels, got.shape) == (8, 1024, (1, 1024, 9, 9))
    conv4_3, conv5_3 = literal_taps(caffe_input(image), caffe_tensors, pools=4)
    assert conv5_3.shape[-2:] == (5, 5)
    raised = nn.functional.interpolate(conv5_3, size=(10, 10), mode="bilinear", align_corners=False)
    assert_taps(got, (conv4_3, raised[..., :9, :9]))


@pytest.mark.slow
def test_npz_under_torchvisions_names_holds_caffes_weights(tmp_path, torchvision_tensors, image):
    np.savez(tmp_path / "net.npz", **{name: tensor.numpy() for name, tensor in torchvision_tensors.items()})
    net = VGG16(tmp_path / "net.npz")
    assert torch.allclose(net.input(image), caffe_input(image), atol=1e-4)


@pytest.mark.slow
def test_a_layer_that_is_missing_is_named(tmp_path, caffe_tensors):
    lacking = {name: tensor for name, tensor in caffe_tensors.items() if not name.startswith("conv5_3")}
    torch.save(lacking, tmp_path / "net.pth")
    with pytest.raises(ValueError, match=r"lack 'features\.28\.weight'"):
        VGG16(tmp_path / "net.pth")


def test_without_a_network_the_error_names_url_and_cache(tmp_path, monkeypatch):
    def offline(*_args, **_kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(RuntimeError, match="could not be fetched") as caught:
        VGG16()
    assert URL in str(caught.value)
