"""Trackers by name: presets get the loss that they stand for, trained ones their run's name; all are recorded."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import losses.ghm
from data import synthetic_sequence
from experiments.trackers.by_name import (
    ONLINE_LOSSES,
    Contender,
    Description,
    load_with_loss,
    parse_contenders,
)
from experiments.trackers.online_loss import ResponseLoss
from losses.shrinkage import Shrinkage
from tests.material.targets import run
from tracker import IdentityTracker, list_trackers, load_tracker


@pytest.mark.parametrize(("name", "importance"), [("dslt-paper", "exp"), ("dslt-code", "dslt_code")])
def test_a_preset_gets_its_shrinkage_loss(name, importance):
    criterion = load_with_loss(name, backbone="hog+color").criterion
    assert isinstance(criterion, Shrinkage)
    assert (criterion.a, criterion.c, criterion.importance) == (10.0, 0.2, importance)
    assert criterion.reduction == "sum"


def test_another_loss_may_be_asked_for():
    asked = nn.MSELoss(reduction="sum")
    assert load_with_loss("dslt-paper", backbone="hog+color", criterion=asked).criterion is asked


@pytest.mark.parametrize(
    ("name", "loss", "kind", "setting"),
    [
        ("dslt", "ghm-r", losses.ghm.GHMR, "regress"),
        ("dslt-paper", "shrinkage:c=0.1", Shrinkage, "regress"),
        ("dslt-paper", "spatial-ce", ResponseLoss, "spatial"),
    ],
)
def test_a_loss_by_its_text(name, loss, kind, setting):
    tracker = load_with_loss(name, loss, backbone="hog+color")
    assert isinstance(tracker.criterion, kind)
    assert getattr(tracker.criterion, "loss", tracker.criterion).setting == setting
    assert getattr(tracker.criterion, "c", 0.1) == 0.1
    sequence = synthetic_sequence(1, 3)
    outputs = run(tracker, sequence.frames(), sequence.bboxes[0])
    assert np.isfinite(outputs[-1].bbox).all()
    json.dumps(tracker.settings())


@pytest.mark.parametrize(
    ("name", "loss", "message"),
    [
        ("hog", "l2", "trackers that learn with it on line, dslt, dslt-paper, dslt-code: not for hog"),
        ("dslt", "spatial-ce", "takes losses of setting regress only"),
        ("dslt", "shrinkage:c", "NAME:ARGUMENT=VALUE"),
        ("dslt", "eql", "takes class logits"),
        ("dslt", "shrinkag", "did you mean"),
    ],
)
def test_a_loss_that_cannot_be(name, loss, message):
    with pytest.raises(ValueError, match=message):
        load_with_loss(name, loss, backbone=None if name == "hog" else "hog+color")


def test_contenders_get_backbones_and_losses_and_folders_of_their_own():
    text = ("dslt,hog", (), "cpu", ("dslt=hog+color",), ("dslt=shrinkage:a=5,c=0.1",))
    dslt, hog = parse_contenders(*text)
    assert (dslt.backbone, dslt.loss) == ("hog+color", "shrinkage:a=5,c=0.1")
    assert (hog.backbone, hog.loss) == (None, None)
    about = Description(dslt)
    assert about.label == "dslt+hog+color+shrinkage_a_5_c_0.1"
    assert "a=5" in about.record["settings"]["criterion"]["text"]
    (only,) = parse_contenders("dslt", (), "cpu", ("hog+color",), ("shrinkage:a=5",))
    assert (only.backbone, only.loss) == ("hog+color", "shrinkage:a=5")
    with pytest.raises(ValueError, match="--loss must be TRACKER=NAME with one of dslt, hog, got 'l2'"):
        parse_contenders("dslt,hog", (), "cpu", (), ("l2",))
    with pytest.raises(ValueError, match="for trackers of ours, not for opencv-mil"):
        Contender("opencv-mil", backbone="hog").build()


def test_other_trackers_get_nothing():
    assert isinstance(load_with_loss("identity"), IdentityTracker)
    assert set(ONLINE_LOSSES) < set(list_trackers())


def test_loss_solver_and_features_are_part_of_what_decides_the_boxes():
    settings = load_with_loss("dslt-code", backbone="hog+color").settings()
    assert "importance='dslt_code'" in settings["criterion"]["text"]
    assert settings["solver"]["frozen_correction"] is True
    assert settings["features"]["level_settings"]["fusion"] == [0.8, 0.2]
    json.dumps(settings)


def test_settings_name_every_part():
    settings = load_tracker("hog", filter="ridge", crop_size=96).settings()
    assert settings["search"]["crop_size"] == 96
    assert settings["filter"]["class"] == "RidgeFilter"
    assert [part["class"] for part in settings["extractor"]["backbone"]["parts"]] == ["HOG", "Color"]


class TestTrained:
    """A tracker by the file that ``train`` wrote; what is in the file is the tracker's own matter."""

    @pytest.fixture
    def file(self, tmp_path, monkeypatch):
        def load(name, _loss, *, device, **_):
            assert Path(name).is_absolute()
            return load_tracker("gray", device=device)

        monkeypatch.setattr("experiments.trackers.by_name.load_with_loss", load)
        (tmp_path / "wide").mkdir()
        (tmp_path / "wide" / "best.safetensors").write_bytes(b"weights")
        return tmp_path / "wide" / "best.safetensors"

    def test_the_best_of_a_run_has_the_runs_name(self, file, monkeypatch):
        monkeypatch.chdir(file.parent)
        (contender,) = parse_contenders("best.safetensors", (), "cpu")
        described = Description(contender)
        assert described.label == "wide"
        assert described.record["tracker"] == "wide"
        assert described.record["weights"] == {"best.safetensors": hashlib.sha256(b"weights").hexdigest()}
        assert described.record["settings"]["class"] == "CorrelationFilterTracker"

    def test_any_other_file_has_its_own(self, file):
        other = file.rename(file.with_name("epoch-3.safetensors"))
        assert Description(Contender(str(other))).label == "epoch-3"

    def test_it_holds_its_own_weights(self, file):
        (contender,) = parse_contenders(str(file), (str(file),), "cpu")
        with pytest.raises(ValueError, match="holds its own weights"):
            contender.build()


@pytest.mark.real
def test_weights_that_are_a_folder_are_told_file_by_file(shared):
    pytest.importorskip("onnxruntime")
    told = Description(Contender("nano", weights=shared / "weights")).record["weights"]
    names = ("nanotrack_backbone_sim.onnx", "nanotrack_head_sim.onnx")
    expected = {name: hashlib.sha256((shared / "weights" / name).read_bytes()).hexdigest() for name in names}
    assert told == expected
