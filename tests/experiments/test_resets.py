"""VOT's supervised runs: what counts, what is counted, and how their files are read."""

import json

import numpy as np
import pytest

from experiments.__main__ import main
from experiments.resets import read_resets, score_resets
from tests.trees import write_images

TRUTH = np.tile([20.0, 10, 20, 16], (60, 1))


def supervised(right=0.0):
    """A run that is started in frame 0, lost in 30 and started anew in 35, and beside the target otherwise."""
    bboxes = TRUTH + (right, 0, 0, 0)
    codes = np.zeros(60, int)
    codes[[0, 35]], codes[30] = 1, 2
    bboxes[[0, *range(30, 36)]] = np.nan
    return bboxes, codes, TRUTH


def test_failures_are_counted_and_frames_after_a_start_are_not():
    bboxes, codes, truth = supervised(right=5)
    bboxes[1:10] += 100  # burnt in
    bboxes[36:45] += 100
    found = score_resets([(bboxes, codes, truth), supervised(right=5)])
    assert found.accuracy == pytest.approx(15 / 25)
    assert (found.failures, found.frames) == (2, 120)
    assert found.failures_per_100 == pytest.approx(100 / 60)


def test_a_run_that_ends_in_the_burn_in_has_no_accuracy():
    bboxes, codes, truth = (part[:6] for part in supervised())
    found = score_resets([(bboxes, codes, truth)])
    assert np.isnan(found.accuracy)
    assert found.failures == 0


def test_lines_hold_a_code_a_box_or_corners(tmp_path):
    path = tmp_path / "run.txt"
    path.write_text("1\n11,21,30,40\n2\n0\n1\n1,1,11,1,11,6,1,6\n")
    bboxes, codes = read_resets(path)
    assert codes == [1, 0, 2, 0, 1, 0]
    np.testing.assert_array_equal(bboxes[1], [10, 20, 30, 40])
    np.testing.assert_array_equal(np.isnan(bboxes[:, 0]), [True, False, True, True, True, False])
    path.write_text("1\nlost\n")
    with pytest.raises(ValueError, match="line 2: expected"):
        read_resets(path)


@pytest.mark.slow
def test_the_report_shows_them(tmp_path):
    lines = [",".join(f"{value:g}" for value in row) for row in TRUTH + (1, 1, 0, 0)]
    write_images(tmp_path / "vot" / "ball", range(1, 61), "{:08d}.jpg")
    (tmp_path / "vot" / "ball" / "groundtruth.txt").write_text("\n".join(lines))
    (tmp_path / "vot" / "list.txt").write_text("ball\n")
    folder = tmp_path / "results" / "VOT" / "mine" / "baseline" / "ball"
    folder.mkdir(parents=True)
    (folder / "ball_001.txt").write_text("\n".join(["1", *lines[1:30], "2", *"0000", "1", *lines[36:]]))
    (folder / "ball_002.txt").write_text("1\n")
    arguments = ["report", str(tmp_path / "results"), "--dataset=vot", f"--root={tmp_path / 'vot'}"]
    assert main([*arguments, f"--output={tmp_path / 'out'}"]) == 0
    summary = json.loads((tmp_path / "out" / "report.json").read_text())["OPE"]
    assert summary["trackers"][0]["resets"] == {
        "accuracy": pytest.approx(1),
        "failures": 1,
        "failures_per_100": pytest.approx(100 / 60),
        "frames": 60,
    }
    assert summary["problems"] == [
        f"a run of ball of mine is left out: {folder / 'ball_002.txt'}: 1 rows for 60 frames"
    ]
    assert "| mine | 1.000 | 1 | 1.67 |" in (tmp_path / "out" / "report.md").read_text()
