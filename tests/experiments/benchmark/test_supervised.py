"""VOT's runs: when a supervised one is started anew, what its files hold, and what is measured of both kinds."""

import json

import numpy as np
import pytest

from experiments.__main__ import main
from experiments.benchmark.supervised import follow_supervised
from tests.material.trees import write_images
from tracker import load_tracker

BLACK = np.zeros((48, 200, 3), np.uint8)


def moving(frames, step):
    """A target of 20x16 that goes right by ``step`` pixels a frame: a tracker that stays loses it after 20 px."""
    return np.array([[10.0 + step * frame, 8, 20, 16] for frame in range(frames)])


def codes_of(regions):
    steps = list(follow_supervised(load_tracker("identity"), [BLACK] * len(regions), regions))
    assert [step.frame for step in steps] == list(range(len(regions)))
    return [step.code for step in steps]


def test_a_lost_target_is_given_back_five_frames_later():
    # The boxes overlap at 10 px and only touch at 20 px, which is no overlap.
    assert codes_of(moving(16, 10)) == [1, None, 2, 0, 0, 0, 0, 1, None, 2, 0, 0, 0, 0, 1, None]


def test_the_overlap_is_that_of_corners():
    """The box of 20x16 around a slanted stroke overlaps the box beside it; the stroke does not."""
    stroke = [30.0, 8, 50, 8, 50, 12, 46, 8]
    square = [10.0, 8, 30, 8, 30, 24, 10, 24]
    assert codes_of(np.array([square, square, stroke])) == [1, None, 2]


def test_nothing_is_lost_or_started_where_there_is_no_target():
    regions = moving(12, 10)
    regions[[1, 7, 8]] = np.nan
    assert codes_of(regions) == [1, None, 2, 0, 0, 0, 0, 0, 0, 1, None, 2]


@pytest.fixture
def vot(tmp_path):
    """Two sequences of 30 frames, whose targets go right by 1 and by 2 pixels a frame."""
    root = tmp_path / "vot2019"
    for name, step in (("slow", 1), ("quick", 2)):
        write_images(root / name / "color", range(1, 31), "{:08d}.jpg")
        boxes = moving(30, step) + (1, 1, 0, 0)
        np.savetxt(root / name / "groundtruth.txt", boxes, fmt="%.3f", delimiter=",")
    (root / "list.txt").write_text("slow\nquick\n")
    return root


def run(vot, *arguments):
    out = vot.parent / "out"
    return main(
        ["benchmark", "--dataset=vot", f"--root={vot}", "--trackers=identity", f"--output={out}", *arguments]
    )


def test_vot_is_run_with_resets_unless_told_otherwise(vot, capsys):
    assert run(vot) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-2].split()[:3] == ["tracker", "targets", "accuracy"]
    # slow is lost after 20 frames, quick after 10 and, started in 15, after 10 more
    assert out[-1].split()[:2] == ["identity", "2"]
    assert out[-1].split()[3] == "3.0"  # failures: a mean where a sequence has several runs
    home = vot.parent / "out" / "results" / "VOT" / "identity" / "baseline"
    rows = (home / "quick" / "quick_001.txt").read_text().splitlines()
    assert [(n, row) for n, row in enumerate(rows) if "," not in row] == [
        (0, "1"), (10, "2"), *((n, "0") for n in range(11, 15)), (15, "1"), (25, "2"),
        *((n, "0") for n in range(26, 30)),
    ]  # fmt: skip
    seconds = np.loadtxt(home / "quick" / "quick_time.txt")
    np.testing.assert_array_equal(np.isnan(seconds), [row == "0" for row in rows])
    assert run(vot) == 0
    assert "2 of 2 runs are done already" in capsys.readouterr().out


def test_runs_with_and_without_resets_lie_side_by_side(vot):
    assert run(vot) == 0
    assert run(vot, "--protocol=ope") == 0
    results = vot.parent / "out" / "results"
    rows = (results / "VOT" / "identity" / "unsupervised" / "slow" / "slow_001.txt").read_text().splitlines()
    assert rows[0] == "1"
    assert rows[1] == rows[29] != "1"
    report = ["report", str(results), "--dataset=vot", f"--root={vot}", f"--output={vot.parent / 'page'}"]
    assert main(report) == 0
    (one,) = json.loads((vot.parent / "page" / "report.json").read_text())["OPE"]["trackers"]
    assert (one["resets"]["failures"], one["resets"]["sequences"]) == (3, 2)
    # Frames of 64x48 cut targets that leave them; the box that stays is whole. Of both 30 frames count the same.
    overlaps = []
    for step in (1, 2):
        for frame in range(10, 30):
            offset = step * frame
            inside = max(0, min(20, 64 - 10 - offset))
            common = max(0, 20 - offset)
            overlaps.append(common / (20 + inside - common))
    assert one["resets"]["ao"] == pytest.approx(np.mean(overlaps))
    assert one["scored"] == 2
    assert one["timing"] is not None


def test_a_run_that_is_missing_makes_the_tracker_incomplete(vot, capsys):
    assert run(vot, "--sequences=slow") == 0
    report = ["report", str(vot.parent / "out" / "results"), "--dataset=vot", f"--root={vot}"]
    assert main([*report, f"--output={vot.parent / 'page'}"]) == 1
    assert "no supervised run of 1 of 2: quick" in capsys.readouterr().err
