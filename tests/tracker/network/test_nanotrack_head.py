"""NanoTrack's head as ours, on a network whose answer is known."""

import sys

import numpy as np
import pytest
import torch

from tracker.backbones.cells import place_cells
from tracker.network.nanotrack_head import CHANNELS, NanoTrackHead

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def write_head(file):
    """Two logits and four distances are the first channels of the search level."""
    from onnx import TensorProto, helper, numpy_helper

    sizes = {"input1": (CHANNELS, 8), "input2": (CHANNELS, 16), "output1": (2, 16), "output2": (4, 16)}
    values = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, c, s, s]) for n, (c, s) in sizes.items()
    ]
    ends = {"zero": 0, "two": 2, "six": 6, "axis": 1}
    constants = [numpy_helper.from_array(np.array([value]), name) for name, value in ends.items()]
    nodes = [
        helper.make_node("Slice", ["input2", "zero", "two", "axis"], ["output1"]),
        helper.make_node("Slice", ["input2", "two", "six", "axis"], ["output2"]),
    ]
    graph = helper.make_graph(nodes, "head", values[:2], values[2:], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
    return file


@pytest.fixture
def head(tmp_path):
    return NanoTrackHead(write_head(tmp_path / "head.onnx"))


def seen(level):
    return place_cells(level, 16, 8, (32, 32))


def test_distances_from_every_sixteenth_pixel_are_boxes_at_our_cells(head):
    """A box (37, 50, 90, 60) of crop pixels, whose distances NanoTrack gives from pixel corners 16 i."""
    corner = 16.0 * torch.arange(16)
    level = torch.zeros(1, CHANNELS, 16, 16)
    level[:, 0], level[:, 1] = 1.5, 4.0
    level[:, 2], level[:, 3] = corner - 37, corner[:, None] - 50
    level[:, 4], level[:, 5] = 37 + 90 - corner, 50 + 60 - corner[:, None]
    said = head(head.start(seen(level), torch.zeros(1, 4)), seen(level))
    assert said.stride == 16
    expected = torch.tensor([37.0, 50, 90, 60]).view(1, 4, 1, 1).expand(1, 4, 16, 16)
    torch.testing.assert_close(said.bbox, expected, rtol=0, atol=1e-2)
    torch.testing.assert_close(said.logit, torch.full((1, 1, 16, 16), 2.5), rtol=0, atol=1e-4)


def test_a_cell_is_the_mean_of_the_four_around_its_centre(head):
    level = torch.rand(2, CHANNELS, 16, 16)
    said = head(head.start(seen(level), torch.zeros(2, 4)), seen(level))
    logit = level[:, 1] - level[:, 0]
    assert said.logit[1, 0, 3, 5] == pytest.approx(float(logit[1, 3:5, 5:7].mean()), abs=1e-4)


def test_the_template_is_the_middle_of_the_level(head):
    level = torch.rand(1, CHANNELS, 16, 16)
    look = head.start(seen(level), torch.zeros(1, 4)).look
    torch.testing.assert_close(look[0, 8 * 3 + 5], level[0, :, 4 + 3, 4 + 5], rtol=0, atol=1e-4)


def test_crops_of_another_size_are_refused(head):
    with pytest.raises(ValueError, match="takes crops of 256 pixels, got 224x224: leave crop_size out"):
        head.start(place_cells(torch.zeros(1, CHANNELS, 14, 14), 16, 8, (28, 28)), torch.zeros(1, 4))


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModuleNotFoundError, match="pip install onnx onnxruntime"):
        NanoTrackHead(write_head(tmp_path / "head.onnx"))


def test_other_files_are_refused_by_name(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.onnx"):
        NanoTrackHead(tmp_path / "gone.onnx")
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(ValueError, match=r"text\.onnx could not be read as NanoTrack's box head"):
        NanoTrackHead(tmp_path / "text.onnx")
