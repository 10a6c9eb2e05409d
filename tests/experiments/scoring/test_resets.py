"""VOT's supervised runs: what counts, what is counted, and how their files are read."""

import json

import numpy as np
import pytest
from got10k.utils.metrics import poly_iou

from data.boxes import from_one_based, to_one_based
from data.datasets.clip import Clip
from experiments.__main__ import main
from experiments.scoring.resets import (
    SupervisedRun,
    expected_average_overlap,
    read_resets,
    score_attributes,
    score_resets,
)
from tests.material.trees import write_images

TRUTH = np.tile([20.0, 10, 20, 16], (60, 1))


def supervised(right=0.0):
    """A run that is started in frame 0, lost in 30 and started anew in 35, and beside the target otherwise."""
    bboxes = TRUTH + (right, 0, 0, 0)
    codes = np.zeros(60, int)
    codes[[0, 35]], codes[30] = 1, 2
    bboxes[[0, *range(30, 36)]] = np.nan
    return SupervisedRun(bboxes, codes, TRUTH)


def test_failures_are_counted_and_frames_after_a_start_are_not():
    run = supervised(right=5)
    run.regions[1:10] += 100  # burnt in
    run.regions[36:45] += 100
    found = score_resets([[run], [supervised(right=5)]])
    assert found.accuracy == pytest.approx(15 / 25)
    assert (found.failures, found.frames) == (2, 120)
    assert found.failures_per_100 == pytest.approx(100 / 60)


def test_a_run_that_ends_in_the_burn_in_has_no_accuracy():
    run = supervised()
    found = score_resets([[SupervisedRun(run.regions[:6], run.codes[:6], run.truth[:6])]])
    assert np.isnan(found.accuracy)
    assert found.failures == 0


def test_repetitions_of_a_sequence_are_averaged():
    """One overlaps by .6 and fails once, the other is exact: 35 frames have both, 15 the exact one alone."""
    exact = SupervisedRun(TRUTH, [1] + [0] * 59, TRUTH)
    found = score_resets([[supervised(right=5), exact]])
    assert found.accuracy == pytest.approx((35 * 0.8 + 15 * 1) / 50)
    assert (found.failures, found.frames) == (0.5, 60)


def test_attributes_are_scored_frame_by_frame():
    """As VOT's toolkit does it: a start in a frame without the attribute burns none of those with it."""
    run = supervised(right=5)
    run.regions[36:45, 0] = TRUTH[36:45, 0] + 10  # overlap 1/3
    occluded, moving = np.zeros((2, 60), bool)
    occluded[25:40] = moving[36:] = True
    ball = Clip("ball", (), TRUTH, tags={"occlusion": occluded, "motion_change": moving})
    plain = Clip("plain", (), TRUTH)
    found = score_attributes({"ball": [run], "plain": [supervised()]}, {"ball": ball, "plain": plain})
    assert list(found) == ["motion_change", "occlusion", "empty"]
    assert found["motion_change"].accuracy == pytest.approx((9 * 1 / 3 + 15 * 0.6) / 24)
    assert found["occlusion"].accuracy == pytest.approx(0.6)  # frames 25 to 29; 35 to 39 are burnt in
    assert found["empty"].accuracy == pytest.approx((15 * 0.6 + 35 * 1) / 50)
    assert [one.failures for one in found.values()] == [0, 1, 1]
    assert [one.frames for one in found.values()] == [24, 15, 85]
    assert score_attributes({"plain": [supervised()]}, {"plain": plain}) == {}


def test_overlap_is_that_of_what_is_inside_the_frame():
    """As got10k has it: of 1-based boxes in a frame of 64x48, what is left of 64 and above 48."""
    truth = from_one_based([[50.0, 10, 20, 10]] * 4)
    bboxes = from_one_based([[57.0, 10, 20, 10], [54, 10, 5, 10], [70, 10, 20, 10], [np.nan] * 4])
    overlap = SupervisedRun(bboxes, [0] * 4, truth, (64, 48)).overlap()
    np.testing.assert_allclose(overlap, [7 / 14, 5 / 14, 0, np.nan])
    boxes, truths = to_one_based(bboxes[:3]), to_one_based(truth[:3])
    np.testing.assert_allclose(overlap[:3], poly_iou(boxes, truths, bound=(64, 48)))


def test_expected_average_overlap_by_hand():
    """One stretch fails after 3 frames, one ends with its sequence after 4: lengths of 2, 3, … frames."""
    failed, whole = (np.array([1.0, 0.6, 0.3]), False), (np.array([1.0, 0.8, 0.8, 0.2]), True)
    curve = [(0.6 + 0.8) / 2, (0.45 + 0.8) / 2, (0.3 + 0.6) / 2, 0.9 / 4]
    for lengths in ((2, 2), (2, 4), (3, 5)):
        expected = np.mean(curve[lengths[0] - 2 : lengths[1] - 1])
        assert expected_average_overlap([failed, whole], lengths) == pytest.approx(expected)
    assert np.isnan(expected_average_overlap([whole], (9, 12)))


def test_stretches_go_from_a_start_to_its_failure_or_the_end():
    run = supervised()
    (first, ended), (second, ended_too) = run.stretches(run.overlap())
    assert (len(first), ended, len(second), ended_too) == (30, False, 25, True)
    assert score_resets([[run]], 2019).eao < 1
    assert np.isnan(score_resets([[run]]).eao)


def test_a_failure_without_another_start_is_no_end():
    """In the last five frames: MATLAB's toolkit takes the rest as overlap 0, and says nothing of longer sequences."""
    run = supervised()
    run.codes[58] = 2
    run.regions[58:] = np.nan
    (_, ended), (second, ended_too) = run.stretches(run.overlap())
    assert (ended, ended_too) == (False, True)
    assert second.tolist() == [0, *[1] * 22, 0, 0]
    assert score_resets([[run]]).failures == 2


def test_a_mask_is_refused_in_words(tmp_path):
    (tmp_path / "run.txt").write_text("1\nm10,20,5,5,3,4\n")
    with pytest.raises(ValueError, match=r"line 2: .*masks are not read"):
        read_resets(tmp_path / "run.txt")


def test_lines_hold_a_code_a_box_or_corners(tmp_path):
    path = tmp_path / "run.txt"
    path.write_text("1\n11,21,30,40\n2.0\n0\n1\n1,1,11,1,11,6,1,6\n")
    bboxes, codes = read_resets(path)
    assert codes == [1, 0, 2, 0, 1, 0]
    np.testing.assert_array_equal(bboxes[1], [10, 20, 40, 20, 40, 60, 10, 60])
    np.testing.assert_array_equal(bboxes[5], [0, 0, 10, 0, 10, 5, 0, 5])
    np.testing.assert_array_equal(np.isnan(bboxes[:, 0]), [True, False, True, True, True, False])
    path.write_text("1\nlost\n")
    with pytest.raises(ValueError, match="line 2: expected"):
        read_resets(path)


@pytest.mark.slow
def test_the_report_shows_them(tmp_path):
    lines = [",".join(f"{value:g}" for value in row) for row in TRUTH + (1, 1, 0, 0)]
    write_images(tmp_path / "vot" / "ball", range(1, 61), "{:08d}.jpg")
    (tmp_path / "vot" / "ball" / "groundtruth.txt").write_text("\n".join(lines))
    (tmp_path / "vot" / "ball" / "occlusion.tag").write_text("0\n" * 20 + "1\n" * 11)
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
        "eao": None,
        "ao": None,
        "sequences": 1,
        "by_attribute": {
            "occlusion": {"accuracy": pytest.approx(1), "failures": 1, "frames": 11},
            "empty": {"accuracy": pytest.approx(1), "failures": 0, "frames": 49},
        },
    }
    assert summary["problems"] == [
        f"a run of ball of mine is left out: {folder / 'ball_002.txt'}: 1 rows for 60 frames",
        "mine has no EAO: the name of the root does not say a year of 2015 to 2019",
    ]
    tables = (tmp_path / "out" / "report.md").read_text()
    assert "| mine | 1.000 | 1.0 | 1.67 | – | – |" in tables
    assert "| occlusion | 11 | 1.000 / 1.0 |" in tables
    assert "by the rules of\n  got10k." in (tmp_path / "out" / "report.html").read_text()
