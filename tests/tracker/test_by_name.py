"""Trackers by name: what every one of them promises, and errors that help."""

from itertools import islice

import numpy as np
import pytest
import torch

from data import synthetic_sequence
from data.boxes import bbox_iou
from data.crop import crop
from tests.material.checkpoints import SETTINGS, write
from tests.material.targets import run, textured_frame
from tracker import Tracker, TrackOutput, list_trackers, load_tracker
from tracker.correlation import CorrelationFilterTracker
from tracker.filters import FILTERS
from tracker.network.regression_net import TrainingCrops, build_regression_net

# Those of networks have tests of their own.
WITHOUT_WEIGHTS = sorted(set(list_trackers()) - {"squeezenet", "nano", "dslt", "dslt-code", "dslt-paper"})


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
def test_every_tracker_keeps_the_protocol(name):
    tracker = load_tracker(name)
    assert isinstance(tracker, Tracker)
    frame, bbox = textured_frame()
    with pytest.raises(RuntimeError, match=r"call init\(image, bbox\)"):
        tracker.update(frame)
    tracker.init(frame, bbox)
    output = tracker.update(frame)
    assert isinstance(output, TrackOutput)
    assert output.bbox.dtype == np.float64
    assert output.bbox.shape == (4,)
    assert output.lost is False or output.lost is True
    if output.response is not None:
        assert output.response.dtype == torch.float32
        assert output.response.shape[:2] == (1, 1)
        assert output.psr > 0


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
@pytest.mark.parametrize("filter_name", list(FILTERS))
def test_a_target_that_stands_still_keeps_its_box(name, filter_name):
    settings_ = {} if name == "identity" else {"filter": filter_name}
    frame, bbox = textured_frame()
    for output in run(load_tracker(name, **settings_), [frame] * 4, bbox):
        # A box head measures, here a pattern that is no object.
        assert bbox_iou(output.bbox, bbox) > (0.85 if name == "fast" else 0.93)


@pytest.mark.parametrize(
    ("image", "got"),
    [
        (np.zeros((10, 10), np.uint8), r"uint8 \(10, 10\)"),
        (np.zeros((10, 10, 3), np.float32), "float32"),
        (np.zeros((10, 10, 4), np.uint8), r"\(10, 10, 4\)"),
        ([[1, 2]], "list"),
        (np.zeros((0, 10, 3), np.uint8), "must have pixels"),
    ],
)
@pytest.mark.parametrize("name", ["hog", "identity"])
def test_what_is_no_image_is_named(name, image, got):
    with pytest.raises(ValueError, match=got):
        load_tracker(name).init(image, (1, 1, 5, 5))


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"crop_size": 198}, "multiple of the backbone's stride"),
        ({"search_area_scale": 1.0}, "search_area_scale must be > 1"),
        ({"output_sigma_factor": 0}, "output_sigma_factor"),
        ({"interp_factor": 1.5}, "interp_factor"),
        ({"memory_size": 0}, "memory_size"),
        ({"num_scales": 2}, "num_scales must be odd"),
        ({"scale_step": 1.0}, "scale_step"),
        ({"scale_interval": 0}, "scale_interval must be at least 1"),
        ({"max_channels": 0}, "max_channels"),
        ({"regularisation": 0}, "regularisation"),
        ({"interp_facto": 0.1}, "did you mean 'interp_factor'"),
        ({"filter": "spatal"}, "did you mean 'spatial'"),
        ({"device": "cud"}, "device must be like"),
    ],
)
def test_a_setting_out_of_range_or_misspelt_is_named(settings_, message):
    with pytest.raises(ValueError, match=message):
        load_tracker("hog", **settings_)


def test_an_unknown_tracker_gets_the_nearest_name():
    with pytest.raises(ValueError, match="unknown tracker 'hgo': did you mean 'hog'"):
        load_tracker("hgo")


def test_a_cuda_device_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="sees no CUDA device"):
        load_tracker("hog", device="cuda")


@pytest.mark.parametrize("filter_name", ["ridge", "spatial"])
@pytest.mark.parametrize("rate", [0, 1])
def test_a_rate_at_either_end_of_its_range_tracks(filter_name, rate):
    sequence = synthetic_sequence(1, 5)
    tracker = load_tracker("hog", filter=filter_name, interp_factor=rate)
    outputs = run(tracker, sequence.frames(), sequence.bboxes[0])
    assert np.isfinite([[*output.bbox, output.score] for output in outputs]).all()
    assert bbox_iou(outputs[-1].bbox, sequence.bboxes[4]) > 0.2


@pytest.mark.parametrize("name", ["hog", "fast", "dslt"])
def test_boxes_do_not_depend_on_the_threads_around_the_tracker(name, monkeypatch):
    """A last bit of a sum over two threads has moved boxes by 141 pixels in the end."""
    inside = set()

    def seen(*arguments, **named):
        inside.add(torch.get_num_threads())
        return crop(*arguments, **named)

    monkeypatch.setattr("tracker.dslt.crop", seen)
    monkeypatch.setattr("tracker.correlation.crop", seen)
    sequence = synthetic_sequence(1, 6)
    settings = {"backbone": "hog+color"} if name == "dslt" else {}
    before = torch.get_num_threads()
    try:
        boxes = []
        for count in (1, 2):
            torch.set_num_threads(count)
            outputs = run(load_tracker(name, **settings), sequence.frames(), sequence.bboxes[0])
            boxes.append([output.bbox for output in outputs])
            assert torch.get_num_threads() == count
        assert np.array_equal(*boxes)
        assert inside == {1}
        run(load_tracker(name, threads=2, **settings), islice(sequence.frames(), 2), sequence.bboxes[0])
        assert inside == {1, 2}
    finally:
        torch.set_num_threads(before)


def test_threads_are_at_least_one():
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        load_tracker("hog", threads=0)


def test_every_registered_tracker_is_a_correlation_filter_or_says_so():
    for name in WITHOUT_WEIGHTS:
        assert isinstance(load_tracker(name), CorrelationFilterTracker) or name == "identity"


def test_a_network_is_a_tracker_as_its_file_is(tmp_path):
    net = write(tmp_path / "best.safetensors")
    sequence = synthetic_sequence(1, 8)
    for settings_ in ({}, {"filter": "ridge", "interp_factor": 0.1}):
        by_file, by_net = (
            [
                output.bbox
                for output in run(load_tracker(source, **settings_), sequence.frames(), sequence.bboxes[0])
            ]
            for source in (str(tmp_path / "best.safetensors"), net)
        )
        assert np.array_equal(by_file, by_net)


def test_a_network_is_copied_and_may_be_trained_on(tmp_path):
    net = write(tmp_path / "best.safetensors").train()
    tracker = load_tracker(net)
    told = tracker.settings()
    assert net.training
    assert all(parameter.requires_grad for parameter in net.backbone.parameters())
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(1.0)
    assert tracker.settings() == told


def test_a_network_holds_its_weights_itself_and_sees_targets_as_large_as_in_its_training():
    net = build_regression_net(**SETTINGS, crops=TrainingCrops(160, 4.0))
    with pytest.raises(ValueError, match=r"the network holds its weights itself, got weights='other\.pth'"):
        load_tracker(net, weights="other.pth")
    search = load_tracker(net).search
    assert (search.crop_size, search.search_area_scale) == (144, 3.6)
