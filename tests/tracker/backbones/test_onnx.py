"""Networks in ONNX files: the same maps as torch makes, colours as the file says, bad files refused."""

import pytest
import torch
import torch.nn.functional as F

from tracker.backbones import build_backbone

onnx = pytest.importorskip("onnx", reason="the optional package onnx is not installed")
pytest.importorskip("onnxruntime", reason="the optional package onnxruntime is not installed")


def write_network(path, doc="RGB", strides=(8, 16)):
    """Two convolutions whose kernels are as large as their strides: every cell sees its own pixels alone."""
    helper, generator = onnx.helper, torch.Generator().manual_seed(0)
    kernels = [torch.randn(4, 3, stride, stride, generator=generator) for stride in strides]
    nodes = [
        helper.make_node("Conv", ["image", f"w{s}"], [f"s{s}"], kernel_shape=[s, s], strides=[s, s])
        for s in strides
    ]
    shape = helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 3, 255, 255])
    outputs = [
        helper.make_tensor_value_info(f"s{s}", onnx.TensorProto.FLOAT, [1, 4, 255 // s, 255 // s])
        for s in strides
    ]
    weights = [
        onnx.numpy_helper.from_array(kernel.numpy(), f"w{s}")
        for s, kernel in zip(strides, kernels, strict=True)
    ]
    graph = helper.make_graph(nodes, "net", [shape], outputs, weights, doc_string=doc)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return kernels


@pytest.mark.parametrize("doc", ["RGB", "BGR 0..255"])
def test_the_maps_are_torch_s(tmp_path, doc):
    kernels = write_network(tmp_path / "net.onnx", doc)
    backbone = build_backbone("onnx8", str(tmp_path / "net.onnx"))
    images = torch.rand(2, 3, 48, 64) * 255
    seen = images.flip(1) if "BGR" in doc else images
    fine, coarse = (F.conv2d(seen, kernel, stride=kernel.shape[-1]) for kernel in kernels)
    coarse = F.interpolate(coarse, fine.shape[-2:], mode="bilinear", align_corners=False)
    torch.testing.assert_close(backbone(images), torch.cat([fine, coarse], 1), rtol=1e-4, atol=1e-2)
    assert (backbone.stride, backbone.blocks) == (8, (4, 4))


def test_levels_too_coarse_to_place_anything_are_left_out(tmp_path):
    write_network(tmp_path / "net.onnx", strides=(8, 32))
    assert build_backbone("onnx", str(tmp_path / "net.onnx")).blocks == (4,)
    write_network(tmp_path / "coarse.onnx", strides=(32,))
    with pytest.raises(ValueError, match="stride 16 or less"):
        build_backbone("onnx", str(tmp_path / "coarse.onnx"))


def test_no_file_a_missing_one_and_a_damaged_one(tmp_path):
    with pytest.raises(ValueError, match="needs a file"):
        build_backbone("onnx")
    with pytest.raises(FileNotFoundError, match=r"none\.onnx does not exist"):
        build_backbone("onnx", str(tmp_path / "none.onnx"))
    (tmp_path / "bad.onnx").write_bytes(b"\x00\x01 no network")
    with pytest.raises(ValueError, match=r"bad\.onnx could not be read"):
        build_backbone("onnx", str(tmp_path / "bad.onnx"))


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "channels"),
    [
        ("efficientnet_lite0_s16", (24, 40, 112)),
        ("shufflenetv2_05_imagenet", (48, 96)),
        ("nanotrack_backbone_sim", (48,)),
    ],
)
def test_a_spot_is_found_where_it_is_in_published_networks(shared, file, channels):
    backbone = build_backbone("onnx", str(shared / "weights" / f"{file}.onnx"))
    assert backbone.blocks == channels
    y, x = torch.meshgrid(torch.arange(192.0), torch.arange(192.0), indexing="ij")
    spot = 80 * torch.exp(-((x - 94).square() + (y - 98).square()) / 128)
    grey = torch.full((1, 3, 192, 192), 110.0)
    change = (backbone(grey + spot) - backbone(grey)).square()[0]
    places = 4 * torch.arange(48.0) + 1.5
    for block in change.split(channels):
        energy = block.sum(0) / block.sum()
        assert float((energy.sum(0) * places).sum()) == pytest.approx(94, abs=3)
        assert float((energy.sum(1) * places).sum()) == pytest.approx(98, abs=3)
