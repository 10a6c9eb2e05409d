"""NanoTrack's published networks around our filter."""

import numpy as np
import pytest

from data import read_otb_root
from data.boxes import bbox_iou
from tests.material.targets import run
from tracker import MultiTracker, load_tracker

pytest.importorskip("onnxruntime")


@pytest.mark.real
def test_it_follows_david_as_tightly_as_a_trained_head_does(shared):
    (david,) = (clip for clip in read_otb_root(shared / "otb") if clip.name == "David")
    frames = [frame for _, frame in zip(range(40), david.frames(), strict=False)]
    outputs = run(load_tracker("nano", weights=str(shared / "weights")), frames, david.bboxes[0])
    assert bbox_iou([output.bbox for output in outputs], david.bboxes[1:40]).mean() > 0.6


@pytest.mark.real
def test_two_targets_at_once_are_the_targets_alone(shared):
    (jogging, *_) = (clip for clip in read_otb_root(shared / "otb") if clip.name == "Jogging.1")
    frames = [frame for _, frame in zip(range(4), jogging.frames(), strict=False)]
    boxes = [jogging.bboxes[0], jogging.bboxes[0] + (70, 0, 0, 0)]

    def build():
        return load_tracker("nano", weights=str(shared / "weights"))

    together = MultiTracker(build)
    together.init(frames[0], boxes)
    for frame in frames[1:]:
        found = together.update(frame)
    for box, output in zip(boxes, found.values(), strict=True):
        np.testing.assert_allclose(output.bbox, run(build(), frames, box)[-1].bbox, atol=0.01)


def test_without_its_files_it_says_what_it_needs(tmp_path):
    with pytest.raises(
        ValueError, match=r"a folder with nanotrack_backbone_sim\.onnx and nanotrack_head_sim"
    ):
        load_tracker("nano")
    with pytest.raises(FileNotFoundError, match=r"nanotrack_backbone_sim\.onnx"):
        load_tracker("nano", weights=str(tmp_path))
