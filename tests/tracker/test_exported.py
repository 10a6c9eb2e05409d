"""A tracker as one ONNX file: the same tracker again, and nothing that a damaged or strange file can do."""

import json

import numpy as np
import pytest
import torch

from data.synthetic import synthetic_sequence
from tracker import load_tracker
from tracker.exported import METADATA, REDUCTION, load_exported, save_tracker

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    file = tmp_path_factory.mktemp("export") / "fast.onnx"
    save_tracker(load_tracker("fast", runtime="torch", box_rate=0.4), file)
    return file


def boxes(tracker, sequence):
    first, *others = sequence.frames()
    tracker.init(first, sequence.bboxes[0])
    return np.array([tracker.update(frame).bbox for frame in others])


def test_the_file_is_the_tracker_in_onnx_runtime(fast):
    sequence = synthetic_sequence(3, 6, (160, 120), attributes=("SV", "DEF"))
    again, known = load_tracker(str(fast)), load_tracker("fast", runtime="onnx", box_rate=0.4)
    assert again.settings() == known.settings()
    np.testing.assert_allclose(boxes(again, sequence), boxes(known, sequence), atol=0.05)
    assert load_tracker(str(fast), interp_factor=0.01).learning.interp_factor == 0.01


def test_hand_made_features_and_a_reduction_come_back(tmp_path):
    tracker = load_tracker("compact", runtime="torch")
    save_tracker(tracker, tmp_path / "compact.onnx")
    again = load_exported(tmp_path / "compact.onnx")
    assert again.settings() == load_tracker("compact", runtime="onnx").settings()
    tensors = {each.name for each in onnx.load(tmp_path / "compact.onnx").graph.initializer}
    assert (REDUCTION in tensors) == (tracker.extractor.reduction is not None)
    images = 255 * torch.rand(1, 3, 128, 128)
    found, known = again.extractor.backbone(images), tracker.extractor.backbone(images)
    torch.testing.assert_close(found, known, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["hog", "gray"])
def test_what_has_no_network_is_not_exported(name, tmp_path):
    with pytest.raises(ValueError, match="one learned part among its features"):
        save_tracker(load_tracker(name), tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_none_of_ours_is_refused(fast, tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_tracker(str(tmp_path / "none.onnx"))
    (tmp_path / "cut.onnx").write_bytes(fast.read_bytes()[:5000])
    with pytest.raises(ValueError, match="could not be read as an exported tracker"):
        load_tracker(str(tmp_path / "cut.onnx"))
    model = onnx.load(fast)
    told = json.loads(model.metadata_props[0].value)
    for change in ({"features": ["learned", "nothing"]}, {"backbone": {}}, {"settings": {}}):
        onnx.helper.set_model_props(model, {METADATA: json.dumps(told | change)})
        onnx.save(model, tmp_path / "strange.onnx")
        with pytest.raises(ValueError, match="could not be read as an exported tracker"):
            load_tracker(str(tmp_path / "strange.onnx"))
    with pytest.raises(ValueError, match="leave device and runtime out"):
        load_tracker(str(fast), runtime="torch")
    with pytest.raises(ValueError, match="unknown setting 'box_rat'"):
        load_tracker(str(fast), box_rat=1)
