"""Features against loops over pixels written from the papers, and weights files of every kind."""

import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tracker.backbones import BACKBONES, build_backbone
from tracker.backbones.color import Color
from tracker.backbones.gray import Gray
from tracker.backbones.hog import HOG
from tracker.backbones.squeezenet import URL, SqueezeNet
from tracker.backbones.weights import read_weights
from tracker.features import FeatureExtractor
from tracker.network.checkpoint import METADATA, load_regression_net
from tracker.network.regression_net import build_regression_net


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (2, 3, 8, 10)).repeat(4, axis=2).repeat(4, axis=3)
    return torch.from_numpy(0.6 * coarse + 0.4 * rng.integers(0, 256, (2, 3, 32, 40))).float()


def loop_fhog(image):
    """Felzenszwalb et al. 2010, section 6, one pixel at a time in float64; image (3, H, W) in [0, 1]."""
    _, height, width = image.shape
    rows, columns = height // 4, width // 4
    cells = np.zeros((rows, columns, 18))

    def at(channel, row, column):
        return image[channel, min(max(row, 0), height - 1), min(max(column, 0), width - 1)]

    for row in range(height):
        for column in range(width):
            gradients = [
                (
                    at(c, row, column + 1) - at(c, row, column - 1),
                    at(c, row + 1, column) - at(c, row - 1, column),
                )
                for c in range(3)
            ]
            dx, dy = max(gradients, key=lambda gradient: math.hypot(*gradient))
            position = (math.atan2(dy, dx) % (2 * math.pi)) / (2 * math.pi) * 18
            share = position - math.floor(position)
            cells[row // 4, column // 4, math.floor(position) % 18] += (1 - share) * math.hypot(dx, dy)
            cells[row // 4, column // 4, (math.floor(position) + 1) % 18] += share * math.hypot(dx, dy)
    padded = np.pad(cells, ((1, 1), (1, 1), (0, 0)), mode="edge")
    weights = {-1: 1 / 8, 0: 6 / 8, 1: 1 / 8}
    smooth = sum(
        weights[dr] * weights[dc] * padded[1 + dr : 1 + dr + rows, 1 + dc : 1 + dc + columns]
        for dr in weights
        for dc in weights
    )
    energy = np.pad(((smooth[..., :9] + smooth[..., 9:]) ** 2).sum(-1), 1, mode="edge")
    features = np.zeros((31, rows, columns))
    for row in range(rows):
        for column in range(columns):
            signed = smooth[row, column]
            unsigned = signed[:9] + signed[9:]
            for block, (dr, dc) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
                norm = math.sqrt(energy[row + dr : row + dr + 2, column + dc : column + dc + 2].sum() + 1e-4)
                features[:18, row, column] += 0.5 * np.minimum(signed / norm, 0.2)
                features[18:27, row, column] += 0.5 * np.minimum(unsigned / norm, 0.2)
                features[27 + block, row, column] = 0.2357 * np.minimum(signed / norm, 0.2).sum()
    return features


def test_hog_is_felzenszwalbs_31_channels(images):
    got = HOG()(images).numpy()
    assert got.shape == (2, 31, 8, 10)
    for features, image in zip(got, images, strict=True):
        assert features == pytest.approx(loop_fhog(image.double().numpy() / 255), abs=2e-5)


def test_hog_turns_with_the_image(images):
    """A quarter turn moves every signed orientation by a quarter of the circle: 4.5 of 18 bins, so two make 9."""
    half = HOG()(images.rot90(2, (2, 3)))
    expected = HOG()(images).rot90(2, (2, 3))
    turned = torch.cat([expected[:, 9:18], expected[:, :9], expected[:, 18:27]], dim=1)
    assert torch.allclose(half[:, :27], turned, atol=1e-5)


def test_hog_does_not_see_contrast(images):
    bright = 255 * (images / 255 * 0.5 + 0.25)
    assert torch.allclose(HOG()(bright), HOG()(images), atol=2e-2)


@pytest.mark.parametrize(
    ("rgb", "lab"),  # CIE L*a*b* under D65, published conversions of the sRGB primaries
    [
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((119, 119, 119), (50.03, 0.0, 0.0)),
    ],
)
def test_colour_is_cielab_of_the_cells_mean(rgb, lab):
    images = torch.tensor(rgb, dtype=torch.float32).view(1, 3, 1, 1).expand(1, 3, 4, 8)
    assert Color()(images)[0, :, 0, 1].tolist() == pytest.approx([value / 100 for value in lab], abs=5e-4)


def test_gray_is_the_cells_mean_luma(images):
    luma = (
        (0.299 * images[:, 0] + 0.587 * images[:, 1] + 0.114 * images[:, 2])
        .reshape(2, 8, 4, 10, 4)
        .mean((2, 4))
    )
    assert torch.allclose(Gray()(images)[:, 0] * 255, luma, atol=1e-3)


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


@pytest.fixture(scope="module")
def squeezenet_tensors():
    """Random weights under torchvision's names, with the classifier that the tracker does not need."""
    generator = torch.Generator().manual_seed(0)
    fires = {3: (96, 16, 64), 4: (128, 16, 64), 5: (128, 32, 128), 7: (256, 32, 128)}
    fires |= {8: (256, 48, 192), 9: (384, 48, 192), 10: (384, 64, 256), 12: (512, 64, 256)}
    shapes = {"features.0": (96, 3, 7, 7), "classifier.1": (1000, 512, 1, 1)}
    for index, (channels, squeezed, expanded) in fires.items():
        shapes[f"features.{index}.squeeze"] = (squeezed, channels, 1, 1)
        shapes[f"features.{index}.expand1x1"] = (expanded, squeezed, 1, 1)
        shapes[f"features.{index}.expand3x3"] = (expanded, squeezed, 3, 3)
    tensors = {}
    for name, shape in shapes.items():
        tensors[f"{name}.weight"] = torch.randn(shape, generator=generator) / math.sqrt(math.prod(shape[1:]))
        tensors[f"{name}.bias"] = 0.1 * torch.randn(shape[0], generator=generator)
    return tensors


def write_weights(path, tensors):
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    elif path.suffix == ".npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in tensors.items()})
    else:
        torch.save(tensors, path)
    return path


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


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pth"])
def test_a_damaged_weights_file_is_named(tmp_path, squeezenet_tensors, suffix):
    path = write_weights(tmp_path / f"net{suffix}", squeezenet_tensors)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=f"weights file .*net{suffix} could not be read"):
        SqueezeNet(path)


def test_weights_of_another_net_are_named(tmp_path, squeezenet_tensors):
    lacking = {name: tensor for name, tensor in squeezenet_tensors.items() if "features.5" not in name}
    with pytest.raises(ValueError, match=r"lack 'features\.5\.squeeze\.weight'"):
        SqueezeNet(write_weights(tmp_path / "a.npz", lacking))
    other = {**squeezenet_tensors, "features.0.bias": torch.zeros(7)}
    with pytest.raises(ValueError, match=r"shape \(7,\) for 'features\.0\.bias', expected \(96,\)"):
        SqueezeNet(write_weights(tmp_path / "b.npz", other))


class Payload:
    """What an unsafe checkpoint does when it is unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('code ran')",))


def test_a_weights_file_cannot_run_code(tmp_path):
    torch.save({"features.0.weight": Payload()}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match="could not be read"):
        read_weights(tmp_path / "evil.pth")


def test_a_missing_weights_file_and_a_strange_suffix_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz does not exist"):
        read_weights(tmp_path / "none.npz")
    with pytest.raises(ValueError, match=r"must end in \.safetensors, \.npz"):
        read_weights(tmp_path / "net.caffemodel")


def test_without_a_network_the_error_names_url_and_cache(tmp_path, monkeypatch):
    def offline(*_args, **_kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(RuntimeError) as caught:
        SqueezeNet()
    assert URL in str(caught.value)
    assert str(tmp_path / "hub" / "checkpoints" / "squeezenet1_0-b66bff10.pth") in str(caught.value)


class Fixed(Gray):
    """A backbone of given channels, whatever the image."""

    def __init__(self, maps, blocks):
        super().__init__()
        self.maps, self.blocks = maps, blocks

    def forward(self, images):
        return self.maps.expand(len(images), -1, -1, -1)


def test_features_are_centred_and_share_the_energy_by_channels():
    generator = torch.Generator().manual_seed(0)
    maps = (
        torch.randn(1, 6, 20, 20, generator=generator) * torch.tensor([1, 1, 1, 50, 50, 0.0]).view(6, 1, 1)
        + 3
    )
    extractor = FeatureExtractor(Fixed(maps, (3, 3)))
    features = extractor.start(torch.zeros(1, 3, 80, 80))
    assert features.shape == (1, 5, 20, 20)  # the channel that does not vary is gone
    assert features.mean((0, 2, 3)).abs().max() < 1e-5
    energy = features[0].square().mean((1, 2))
    assert float(energy[:3].sum()) == pytest.approx(40 * 3 / 5, rel=1e-4)
    assert float(energy[3:].sum()) == pytest.approx(40 * 2 / 5, rel=1e-4)


def test_wide_blocks_are_reduced_to_their_principal_components():
    generator = torch.Generator().manual_seed(0)
    sources = torch.randn(2, 400, generator=generator)
    mixing = torch.randn(10, 2, generator=generator)
    maps = (mixing @ sources).view(1, 10, 20, 20)
    extractor = FeatureExtractor(Fixed(maps, (10,)), max_channels=2)
    features = extractor.start(torch.zeros(1, 3, 80, 80))[0].flatten(1)
    covariance = features @ features.T / 400
    assert covariance[0, 1].abs() < 1e-3 * covariance[0, 0]
    rest = maps[0].flatten(1) - maps[0].flatten(1).mean(1, keepdim=True)
    fitted = rest @ features.T @ torch.linalg.inv(features @ features.T) @ features
    assert torch.allclose(fitted, rest, atol=1e-3)  # two components hold all there is
