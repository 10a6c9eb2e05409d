"""The mobile backbone: cells where they belong, weights in and out, and the published network as ONNX has it."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tracker.backbones import build_backbone
from tracker.backbones.mobile import LAYOUT, Mobile, MobileLevels, MobileStride4

TEACHER = "weights/nanotrack_backbone_sim.onnx"


def test_random_weights_are_for_training_and_come_back_from_a_file(tmp_path):
    torch.manual_seed(1)
    trained = Mobile()
    images = torch.rand(2, 3, 64, 80) * 255
    features = trained.train()(images)
    assert features.shape == (2, 72, 8, 10)
    features.square().mean().backward()
    assert all(tensor.grad is not None for tensor in trained.parameters())
    file = tmp_path / "mobile.safetensors"
    save_file(
        {f"backbone.{name}": tensor.contiguous() for name, tensor in trained.state_dict().items()}, file
    )
    again = build_backbone("mobile", str(file))
    torch.testing.assert_close(again(images), trained.eval()(images))


def test_a_fine_map_begins_with_the_level_of_stride_4():
    assert MobileStride4().blocks == (16, 24, 48)
    assert build_backbone("hog+mobile4").channels == 31 + 16 + 24 + 48


def test_levels_of_strides_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match=r"\[2, 4, 8, 16\], got \(32,\)"):
        MobileLevels(LAYOUT, (32,))


def test_a_missing_or_foreign_onnx_file_is_refused(tmp_path):
    onnx = pytest.importorskip("onnx")
    with pytest.raises(FileNotFoundError, match="none\\.onnx"):
        Mobile(tmp_path / "none.onnx")
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"no network")
    with pytest.raises(ValueError, match="could not be read"):
        Mobile(damaged)
    other = tmp_path / "other.onnx"
    value = onnx.helper.make_tensor_value_info
    weight = onnx.numpy_helper.from_array(np.zeros((16, 3, 5, 5), np.float32), "w")
    bias = onnx.numpy_helper.from_array(np.zeros(16, np.float32), "b")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Conv", ["x", "w", "b"], ["y"])],
        "other",
        [value("x", onnx.TensorProto.FLOAT, [1, 3, 8, 8])],
        [value("y", onnx.TensorProto.FLOAT, [1, 16, 4, 4])],
        [weight, bias],
    )
    onnx.save(onnx.helper.make_model(graph), other)
    with pytest.raises(ValueError, match=r"\(16, 3, 3, 3\), got \(16, 3, 5, 5\) of 1"):
        Mobile(other)


@pytest.mark.real
def test_the_rebuilt_network_agrees_with_its_onnx_file(shared):
    cv2 = pytest.importorskip("cv2")
    pytest.importorskip("onnx")
    file = shared / TEACHER
    image = np.random.default_rng(0).integers(0, 256, (255, 255, 3), dtype=np.uint8)
    network = cv2.dnn.readNetFromONNX(str(file))
    network.setInput(cv2.dnn.blobFromImage(image))
    wanted = torch.from_numpy(network.forward())
    backbone = build_backbone("mobile", str(file))
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    found = backbone.network(backbone.input(pixels))[1]
    torch.testing.assert_close(found, wanted, rtol=0, atol=9e-5)


@pytest.mark.real
def test_the_published_network_follows_a_shift_of_a_whole_cell(shared):
    pytest.importorskip("onnx")
    backbone = build_backbone("mobile", str(shared / TEACHER))
    image = np.random.default_rng(0).integers(0, 256, (1, 3, 30, 30)).repeat(8, axis=2).repeat(8, axis=3)
    pixels = torch.from_numpy(image).float()
    here, there = backbone(pixels[..., :224, :224]), backbone(pixels[..., 16:, 16:])
    # Two cells of stride 8; the squeeze-excitation sees other means, and borders other zeros.
    inside = (here - here.mean((2, 3), keepdim=True))[..., 8:-8, 8:-8].flatten()
    shifted = (there - there.mean((2, 3), keepdim=True))[..., 6:-10, 6:-10].flatten()
    assert torch.corrcoef(torch.stack([inside, shifted]))[0, 1] > 0.98
