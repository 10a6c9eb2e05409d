"""ONNX Runtime as the engine of a backbone and a box head: the numbers of torch, at any size and for any batch."""

import numpy as np
import pytest
import torch

from data import read_otb_root
from data.synthetic import synthetic_sequence
from tracker import load_tracker
from tracker.backbones import build_backbone
from tracker.network.box_head import BoxHead
from tracker.network.onnx_engine import chosen_runtime, export, on_onnx

pytest.importorskip("onnxruntime")
CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["mobile", "mobile4", "compact", "hog+compact+color"])
def test_features_are_those_of_torch_for_any_batch_and_size(name):
    torch.manual_seed(0)
    backbone = build_backbone(name)
    engine, _ = on_onnx(backbone, None, 128)
    for batch, height, width in ((1, 128, 128), (3, 200, 136)):
        images = 255 * torch.rand(batch, 3, height, width)
        torch.testing.assert_close(engine(images), backbone(images), rtol=1e-4, atol=1e-4)
    assert engine.stride == backbone.stride
    assert engine.blocks == backbone.blocks


def test_a_box_head_says_what_it_says_in_torch():
    torch.manual_seed(0)
    backbone = build_backbone("mobile")
    head = BoxHead(backbone.channels, backbone.stride).eval().requires_grad_(False)
    _, engine = on_onnx(backbone, head, 256)
    assert not head.training
    bbox = torch.tensor([[100.0, 90, 40, 60], [80, 120, 90, 30]])
    for count, cells in ((1, 32), (2, 40)):
        features = torch.randn(count, backbone.channels, cells, cells)
        known, started = head.start(features, bbox[:count]), engine.start(features, bbox[:count])
        for found, expected in zip(started, known, strict=True):
            torch.testing.assert_close(found, expected)
        for found, expected in zip(engine(started, features), head(known, features), strict=True):
            torch.testing.assert_close(
                torch.as_tensor(found), torch.as_tensor(expected), rtol=1e-4, atol=1e-3
            )
    with pytest.raises(ValueError, match="even number of cells of 16 pixels, at least 8, got 7x7"):
        engine.start(torch.zeros(1, backbone.channels, 14, 14), bbox[:1])


def test_an_export_is_a_valid_graph_whose_inputs_have_names():
    onnx = pytest.importorskip("onnx")
    backbone = build_backbone("mobile")
    model = export(backbone, BoxHead(72, 8).eval(), 72, 256)
    onnx.checker.check_model(model, full_check=True)
    assert [each.name for each in model.graph.input][:3] == ["images", "seen", "template_bbox"]
    assert [each.name for each in model.graph.output][-2:] == ["bbox", "logit"]


def test_the_runtime_is_torch_where_nothing_is_learned_and_for_other_devices(monkeypatch):
    assert chosen_runtime("auto", CPU, build_backbone("compact")) == "onnx"
    assert chosen_runtime("auto", CPU, build_backbone("hog+color")) == "torch"
    assert chosen_runtime("auto", torch.device("cuda"), build_backbone("compact")) == "torch"
    with pytest.raises(ValueError, match="got device cpu and Gray"):
        chosen_runtime("onnx", CPU, build_backbone("gray"))
    with pytest.raises(ValueError, match="one of auto, onnx, torch, got 'tensorrt'"):
        chosen_runtime("tensorrt", CPU, build_backbone("gray"))
    monkeypatch.setattr("tracker.network.onnx_engine.find_spec", lambda name: None)
    assert chosen_runtime("auto", CPU, build_backbone("compact")) == "torch"
    with pytest.raises(ModuleNotFoundError, match="pip install onnx onnxruntime"):
        chosen_runtime("onnx", CPU, build_backbone("compact"))


def test_what_a_tracker_tells_of_itself_names_the_runtime_and_is_else_the_same():
    told, other = (load_tracker("fast", runtime=runtime).settings() for runtime in ("onnx", "torch"))
    assert load_tracker("fast").settings() == told
    assert told["extractor"]["backbone"].pop("runtime") == told["box"]["head"].pop("runtime") == "onnx"
    for name in ("stride", "patch"):
        told["box"]["head"].pop(name)
    assert told == other


def apart(bbox, frames, name="fast", **settings):
    """Difference in pixels, in 95 of 100 frames, of what both engines say of a frame that they enter from one box.

    Left to themselves they part by more, as torch does from itself when features change in the seventh digit: a
    region begins at whole pixels, and the box head is asked at a whole cell, so that a peak between two may get either.
    """
    first, *others = frames
    torch_, onnx = (load_tracker(name, runtime=runtime, **settings) for runtime in ("torch", "onnx"))
    torch_.init(first, bbox)
    onnx.init(first, bbox)
    found = []
    for frame in others:
        found.append(np.abs(torch_.update(frame).bbox - onnx.update(frame).bbox).max())
        for state in ("_center", "_size", "_growth"):
            setattr(onnx, state, getattr(torch_, state))
    return np.quantile(found, 0.95)


@pytest.mark.parametrize("name", ["fast", "compact"])
def test_boxes_are_those_of_torch(name):
    sequence = synthetic_sequence(3, 12, (160, 120), attributes=("SV", "DEF"))
    assert apart(sequence.bboxes[0], sequence.frames(), name) < 0.1


@pytest.mark.real
@pytest.mark.parametrize("name", ["David", "Crossing"])
def test_boxes_are_those_of_torch_on_real_video(name, shared):
    (clip,) = [clip for clip in read_otb_root(shared / "otb") if clip.name == name]
    frames = [frame for _, frame in zip(range(60), clip.frames(), strict=False)]
    assert apart(clip.bboxes[0], frames) < 0.5
