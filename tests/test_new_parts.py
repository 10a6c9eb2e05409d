"""One new file with a decorator is all that a new part needs: each is added here and used by its name."""

import importlib
import sys

import cv2
import numpy as np
import pytest
import torch

import losses.registry
from data import read_bboxes, synthetic_sequence, write_otb
from data.datasets.base import DATASETS
from experiments.__main__ import main
from experiments.command import registered
from tracker import TRACKERS, load_tracker
from tracker.backbones import BACKBONES
from tracker.filters import FILTERS
from tracker.solvers import SOLVERS

BACKBONE = """
from tracker.backbones.base import BACKBONES, Backbone

@BACKBONES.register("red")
class Red(Backbone):
    stride, blocks = 4, (1,)

    def forward(self, images):
        return images[:, :1, ::4, ::4] / 255
"""
FILTER = """
from tracker.filters.base import FILTERS
from tracker.filters.ridge import RidgeFilter

@FILTERS.register("stiff")
class Stiff(RidgeFilter):
    pass
"""
SOLVER = """
from tracker.solvers.base import SOLVERS, Solver

@SOLVERS.register("still")
class Still(Solver):
    def _start(self, regression, zero):
        return zero

    def update(self, regression, kernel):
        return kernel
"""
TRACKER = """
import numpy as np
from tracker.base import TrackOutput
from tracker.presets.base import TRACKERS

class Drifting:
    def init(self, image, bbox):
        self.bbox = np.asarray(bbox)

    def update(self, image):
        self.bbox = self.bbox + (1.0, 0.0, 0.0, 0.0)
        return TrackOutput(self.bbox, score=1.0)

@TRACKERS.register("drifting")
def drifting(*, device, weights):
    return Drifting()
"""
DATASET = """
from data.datasets.base import DATASETS, collect
from data.datasets.otb import read_otb

@DATASETS.register("one-folder")
def load_one_folder(root, subset):
    return collect("one-folder", "one-folder", root, {root.name: lambda: read_otb(root)})
"""
LOSS = """
from losses.base import Loss
from losses.registry import register_loss

@register_loss("sextic")
class Sextic(Loss):
    setting = "regress"

    def pointwise(self, prediction, target):
        return (prediction - target) ** 6
"""
PARTS = {
    "tracker.backbones": (BACKBONE, BACKBONES._entries, "red"),
    "tracker.filters": (FILTER, FILTERS._entries, "stiff"),
    "tracker.solvers": (SOLVER, SOLVERS._entries, "still"),
    "tracker.presets": (TRACKER, TRACKERS._entries, "drifting"),
    "data.datasets": (DATASET, DATASETS._entries, "one-folder"),
    "losses": (LOSS, losses.registry._LOSSES, "sextic"),
}


@pytest.fixture(autouse=True)
def new_files(tmp_path, monkeypatch):
    """One file for each kind of part, in a folder that its package looks in, as a new file in it would be."""
    for package, (code, _, _) in PARTS.items():
        folder = tmp_path / "parts" / package
        folder.mkdir(parents=True)
        (folder / "part_of_a_test.py").write_text(code)
        module = importlib.import_module(package)
        monkeypatch.setattr(module, "__path__", [*module.__path__, str(folder)])
    yield
    for package, (_, entries, name) in PARTS.items():
        entries.pop(name, None)
        sys.modules.pop(f"{package}.part_of_a_test", None)


NAMES = {
    "data/datasets": DATASETS,
    "losses": losses.registry.list_losses(),
    "tracker/backbones": BACKBONES,
    "tracker/filters": FILTERS,
    "tracker/presets": TRACKERS,
    "tracker/solvers": SOLVERS,
}


@pytest.mark.parametrize("folder", NAMES)
def test_help_lists_what_is_registered(folder):
    """Help reads the names out of the files' text: it must find what the decorators register, and no more."""
    added = {name for _, _, name in PARTS.values()}
    assert registered(folder).split(", ") == [name for name in NAMES[folder] if name not in added]


@pytest.fixture
def clip(tmp_path):
    """A folder in OTB's layout with four frames, and its true boxes."""
    write_otb(synthetic_sequence(seed=1, length=4), tmp_path / "clip")
    return tmp_path / "clip", read_bboxes(tmp_path / "clip" / "groundtruth_rect.txt")


def track(clip, tmp_path, *arguments):
    folder, bboxes = clip
    box = ",".join(str(value) for value in bboxes[0])
    command = ["track", str(folder / "img"), "--init-bbox", box, "--output", str(tmp_path / "out")]
    status = main([*command, *arguments])
    return status, read_bboxes(tmp_path / "out" / "boxes.txt") if status == 0 else None


def test_a_tracker_follows_from_the_command_line(clip, tmp_path):
    status, found = track(clip, tmp_path, "--tracker", "drifting")
    assert status == 0
    assert found[:, 0] - clip[1][0, 0] == pytest.approx([0, 1, 2, 3])


def test_a_backbone_and_a_filter_are_used_from_the_command_line(clip, tmp_path):
    status, found = track(clip, tmp_path, "--tracker", "hog", "--backbone", "red+color", "--filter", "stiff")
    assert status == 0
    assert np.isfinite(found).all()


def test_a_typo_is_answered_with_the_new_name(clip, tmp_path, capsys):
    assert track(clip, tmp_path, "--tracker", "hog", "--backbone", "redd")[0] == 2
    assert "did you mean 'red'?" in capsys.readouterr().err


def test_a_dataset_is_scored_from_the_command_line(clip, tmp_path, capsys):
    arguments = ["--root", str(clip[0]), "--trackers", "identity", "--output", str(tmp_path / "benchmark")]
    assert main(["benchmark", "--dataset", "one-folder", *arguments]) == 0
    assert "identity" in capsys.readouterr().out
    assert list((tmp_path / "benchmark" / "results" / "one-folder" / "identity").rglob("*.txt"))


def test_a_loss_is_drawn_from_the_command_line(tmp_path):
    assert main(["losses", "--curves", "sextic,l2", "--output", str(tmp_path / "losses")]) == 0
    assert cv2.imread(str(tmp_path / "losses" / "curves.png")).std() > 5


def test_a_solver_fits_the_filter_of_dslt(clip):
    folder, bboxes = clip
    image = cv2.imread(str(sorted((folder / "img").iterdir())[0]))[..., ::-1].copy()
    tracker = load_tracker("dslt", backbone="hog+color", solver="still")
    tracker.init(image, bboxes[0])
    output = tracker.update(image)
    assert torch.count_nonzero(output.response) == 0
