"""Trackers of others under our harness, and ours under got10k's own experiments."""

import contextlib
import io
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.boxes import from_one_based, to_one_based
from data.datasets.box_files import read_bboxes
from data.synthetic.sequence import synthetic_sequence
from experiments.__main__ import main
from experiments.trackers.by_name import Contender, Description
from experiments.trackers.peers import OPENCV, load_got10k_tracker
from tests.material.trees import make_got10k, make_otb
from tracker import load_tracker

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def clip():
    sequence = synthetic_sequence(3, 12, (160, 120))
    return list(sequence.frames()), sequence.bboxes


def as_got10k(tracker, name):
    """One of our trackers as a got10k ``Tracker``, deterministic, so that it is run once."""
    from got10k.trackers import Tracker as Got10kTracker

    class Wrapped(Got10kTracker):
        def init(self, image, box):
            tracker.init(np.asarray(image), from_one_based(box))

        def update(self, image):
            return to_one_based(tracker.update(np.asarray(image)).bbox)

    return Wrapped(name, is_deterministic=True)


class TestOpenCV:
    @pytest.mark.parametrize("name", sorted(OPENCV))
    def test_follows_or_says_what_it_lacks(self, name, clip, request):
        frames, bboxes = clip
        if not hasattr(cv2, OPENCV[name]):
            with pytest.raises(ValueError, match=f"{name} is not in the installed OpenCV .*contrib"):
                Contender(name).build()
            return
        if name in ("opencv-nano", "opencv-vit"):
            with pytest.raises(ValueError, match=f"{name} needs --weights {name}=FOLDER"):
                Contender(name).build()
            with pytest.raises(FileNotFoundError, match=r"onnx in its weights folder, not found"):
                Contender(name, ROOT / "tests").build()
            return
        tracker = Contender(name).build()
        for _ in range(2):  # a new start forgets everything
            tracker.init(frames[0], bboxes[0] + 0.4)
            boxes = [tracker.update(frame).bbox for frame in frames[1:]]
        assert np.abs(boxes[-1] - bboxes[len(boxes)]).max() < 12

    def test_update_before_init(self, clip):
        with pytest.raises(RuntimeError, match="before init"):
            Contender("opencv-mil").build().update(clip[0][0])

    @pytest.mark.real
    def test_nano_with_its_networks(self, shared, clip):
        frames, bboxes = clip
        contender = Contender("opencv-nano", shared / "weights")
        assert len(Description(contender).record["weights"]) == 2
        tracker = contender.build()
        tracker.init(frames[0], bboxes[0])
        box = [tracker.update(frame).bbox for frame in frames[1:]][-1]
        assert np.abs(box - bboxes[-1]).max() < 15


class TestGot10k:
    def test_its_tracker_gets_rgb_pil_images_and_the_boxes_of_the_file(self, clip):
        frames, _ = clip
        adapter = load_got10k_tracker("got10k.trackers:IdentityTracker")
        seen = []
        adapter.tracker.init = lambda image, box: seen.append((np.asarray(image), box))
        adapter.tracker.update = lambda image: [5.0, 6.0, 7.0, 8.0]
        adapter.init(frames[0], [10, 8, 20, 16])
        np.testing.assert_array_equal(seen[0][0], frames[0])
        np.testing.assert_array_equal(seen[0][1], [11, 9, 20, 16])
        np.testing.assert_array_equal(adapter.update(frames[1]).bbox, [4, 5, 7, 8])

    def test_its_otb_experiment_runs_ours_and_writes_what_ours_writes(self, tmp_path):
        from got10k.datasets import OTB
        from got10k.experiments import ExperimentOTB

        class Partial(ExperimentOTB):
            """The constructor of ExperimentOTB would download what is missing."""

            def __init__(self):
                self.dataset = OTB(str(tmp_path / "root"), 2015, download=False)
                self.result_dir = str(tmp_path / "theirs" / "OTB2015")
                self.report_dir = str(tmp_path / "reports")
                self.nbins_iou, self.nbins_ce = 21, 51

        for name in ("Car4", "Boy"):
            make_otb(tmp_path / "root", name)
        with contextlib.redirect_stdout(io.StringIO()):
            experiment = Partial()
            experiment.run(as_got10k(load_tracker("gray"), "gray"))
            performance = experiment.report(["gray"])
        assert 0 < performance["gray"]["overall"]["success_score"] <= 20 / 21
        arguments = ["--root", str(tmp_path / "root"), "--output", str(tmp_path / "ours")]
        assert main(["benchmark", "--dataset", "otb2015", "--trackers", "gray", *arguments]) == 0
        for name in ("Car4", "Boy"):
            theirs = (tmp_path / "theirs" / "OTB2015" / "gray" / f"{name}.txt").read_text()
            assert (tmp_path / "ours/results/OTB2015/gray" / f"{name}.txt").read_text() == theirs

    def test_its_got10k_experiment_runs_ours_once(self, tmp_path):
        from got10k.experiments import ExperimentGOT10k

        names = make_got10k(tmp_path / "root", "val")
        with contextlib.redirect_stdout(io.StringIO()):
            experiment = ExperimentGOT10k(
                str(tmp_path / "root"), "val", str(tmp_path / "results"), str(tmp_path / "reports")
            )
            experiment.run(as_got10k(load_tracker("identity"), "identity"))
            performance = experiment.report(["identity"])
        assert performance["identity"]["overall"]["ao"] > 0.8
        folder = tmp_path / "results" / "GOT-10k" / "identity" / names[0]
        assert sorted(path.name for path in folder.iterdir()) == [
            f"{names[0]}_001.txt",
            f"{names[0]}_time.txt",
        ]
        np.testing.assert_array_equal(read_bboxes(folder / f"{names[0]}_001.txt")[0], [10, 8, 20, 16])

    def test_got10k_reports_on_our_files(self, tmp_path):
        from got10k.experiments import ExperimentGOT10k

        make_got10k(tmp_path / "root", "val")
        arguments = ["--root", str(tmp_path / "root"), "--output", str(tmp_path / "out")]
        assert main(["benchmark", "--dataset", "got10k", "--trackers", "identity", *arguments]) == 0
        with contextlib.redirect_stdout(io.StringIO()):
            experiment = ExperimentGOT10k(
                str(tmp_path / "root"), "val", str(tmp_path / "out/results"), str(tmp_path / "reports")
            )
            assert experiment.report(["identity"])["identity"]["overall"]["sr"] > 0.9


def test_importing_the_tracker_or_asking_for_help_loads_neither_got10k_nor_ray():
    code = (
        "import sys, tracker, experiments.__main__, experiments.trackers.peers, experiments.runtime.cluster\n"
        "print([name for name in ('got10k', 'ray', 'PIL') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip() == "[]"
