"""Metrics against closed forms and against got10k's own functions; where the rules part."""

import numpy as np
import pytest
from got10k.experiments import ExperimentGOT10k
from got10k.utils.metrics import center_error, rect_iou
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data.boxes import from_one_based
from experiments.scoring.metrics import (
    NORMALISED_THRESHOLDS,
    PRECISION_THRESHOLDS,
    SUCCESS_THRESHOLDS,
    frame_errors,
    mean_score,
    score,
    score_runs,
    usual_rules,
)

TRUTH = np.tile([100.0, 100, 40, 20], (10, 1))
NOTHING = [np.nan] * 4


def moved(right, frames=slice(1, None)):
    boxes = TRUTH.copy()
    boxes[frames, 0] += right
    return boxes


@pytest.mark.parametrize("rules", ["otb", "got10k"])
def test_a_perfect_tracker_passes_every_threshold_but_overlap_1(rules):
    perfect = score(TRUTH + 0.1, TRUTH + 0.1, rules)
    assert perfect.success_auc == pytest.approx(20 / 21)
    assert perfect.precision.tolist() == [1] * 51
    assert (perfect.ao, perfect.sr_50, perfect.sr_75, perfect.frames) == (pytest.approx(1), 1, 1, 10)
    assert perfect.rate[-1] == 0


@pytest.mark.parametrize("rules", ["otb", "got10k"])
def test_a_shift_gives_the_curves_of_its_overlap_and_distance(rules):
    # 10 of 40 pixels to the right: overlap 30/50 = 0.6 strictly, error 10 pixels, a quarter of the width.
    found = score(moved(10), TRUTH, rules)
    first = 1 / 10  # the first frame counts and is given
    np.testing.assert_allclose(
        found.success, np.where(SUCCESS_THRESHOLDS < 0.6 - 1e-9, 1, [*[first] * 20, 0])
    )
    np.testing.assert_allclose(found.precision, np.where(PRECISION_THRESHOLDS >= 10, 1, first))
    np.testing.assert_allclose(found.normalised_precision, np.where(NORMALISED_THRESHOLDS >= 0.25, 1, first))
    assert found.ao == pytest.approx(0.9 * 0.6 + 0.1)
    assert (found.sr_50, found.sr_75) == (1, pytest.approx(first))
    assert found.precision_20 == 1
    assert found.normalised_precision_20 == pytest.approx(first)


def test_success_is_strict_and_precision_is_not():
    half = TRUTH.copy()
    half[1:, 2] = 20  # overlap exactly 0.5, centre 10 pixels off
    found = score(half, TRUTH)
    assert found.success[10] == pytest.approx(0.1)
    assert found.success[9] == 1
    assert found.precision[10] == 1
    assert found.precision[9] == pytest.approx(0.1)


def test_an_absent_target_is_left_out_by_got10k_and_by_otb_a_miss_and_a_hit():
    truth = TRUTH.copy()
    truth[5:] = np.nan
    left_out, counted = score(moved(500), truth, "got10k"), score(moved(500), truth, "otb")
    assert (left_out.frames, counted.frames) == (5, 10)
    assert (left_out.success[0], counted.success[0]) == (pytest.approx(1 / 5), pytest.approx(1 / 10))
    assert (left_out.precision_20, counted.precision_20) == (pytest.approx(1 / 5), pytest.approx(6 / 10))


def test_lasot_divides_by_all_frames_and_counts_an_absent_target_as_a_miss():
    truth = TRUTH.copy()
    truth[5:] = np.nan
    found = score(truth, truth, "lasot")
    assert found.frames == 10
    assert found.success[0] == pytest.approx(5 / 10)
    assert found.precision_20 == found.normalised_precision_20 == pytest.approx(5 / 10)
    predicted = moved(10)
    predicted[3] = np.nan  # the last valid box stands in, as in OTB
    assert (
        score(predicted, TRUTH, "lasot").success.tolist() == score(predicted, TRUTH, "otb").success.tolist()
    )


def test_uav123_of_a_hundred_perfect_frames_of_which_twenty_have_no_target():
    truth = np.tile(TRUTH, (10, 1))
    truth[40:60] = np.nan
    assert score(truth, truth, usual_rules("uav123")).success_auc == pytest.approx(0.8 * 20 / 21)


def test_the_usual_rules_are_those_of_the_datasets_toolkit():
    usual = {name: usual_rules(name) for name in ("otb50", "nfs", "lasot", "got10k", "vot", "folder")}
    assert list(usual.values()) == ["otb", "otb", "lasot", "got10k", "got10k", "got10k"]


def test_the_area_under_normalised_precision():
    # A quarter of the width off, exactly representable: precise from 0.25 on but in the first frame from 0 on.
    found = score(moved(10), TRUTH)
    # The trapezoid from 0.24 to 0.25 rises from the first frame's share to all: half of it counts.
    expected = (0.1 * 0.5 + 0.9 * (0.25 + 0.005)) / 0.5
    assert found.normalised_precision_auc == pytest.approx(expected)


def test_a_target_at_the_left_edge_is_absent_to_otb_alone():
    truth = TRUTH.copy()
    truth[5:, 0] = -1  # 0 in a file that counts from 1
    assert score(truth, truth, "otb").success[0] == pytest.approx(0.5)
    assert score(truth, truth, "got10k").success[0] == 1
    truth[5:, 0] = 0
    assert score(truth, truth, "otb").success[0] == 1


def test_an_invalid_prediction_is_the_last_valid_one_to_otb_and_a_miss_to_got10k():
    predicted = moved(10)
    predicted[4:7] = np.nan
    predicted[8] = (5, 5, 0, 20)
    assert score(predicted, TRUTH, "otb").success.tolist() == score(moved(10), TRUTH, "otb").success.tolist()
    assert score(predicted, TRUTH, "got10k").success[0] == pytest.approx(6 / 10)
    assert score(predicted, TRUTH, "got10k").precision[50] == pytest.approx(6 / 10)


def test_an_invalid_prediction_before_any_valid_one_is_a_miss():
    predicted = np.tile(NOTHING, (10, 1))
    found = score(predicted, TRUTH, "otb")
    assert (found.success[0], found.precision[50]) == (pytest.approx(0.1), pytest.approx(0.1))


def test_the_first_frame_is_the_truth_whatever_the_file_says():
    wrong = moved(500, slice(0, 1))
    for rules in ("otb", "got10k"):
        assert score(wrong, TRUTH, rules).success[0] == 1


def test_arguments_stay_as_they_are():
    predicted, truth = moved(10), TRUTH.copy()
    score(predicted, truth, "otb")
    score(predicted, truth, "got10k", (120, 90))
    np.testing.assert_array_equal(predicted, moved(10))
    np.testing.assert_array_equal(truth, TRUTH)


@pytest.mark.parametrize(
    ("predicted", "truth", "message"),
    [
        (TRUTH[:5], TRUTH, r"both be \(N, 4\), got \(5, 4\) and \(10, 4\)"),
        (TRUTH[0], TRUTH[0], r"both be \(N, 4\), got \(4,\)"),
        (TRUTH, TRUTH * np.nan, "10 frames without"),
    ],
)
def test_wrong_arguments(predicted, truth, message):
    with pytest.raises(ValueError, match=message):
        score(predicted, truth)


def test_got10k_leaves_out_the_first_frame_and_clips_to_the_frame():
    with pytest.raises(ValueError, match="after the first"):
        score(TRUTH[:1], TRUTH[:1], frame_wh=(200, 200))
    # The truth reaches 20 pixels beyond a frame of 120: what is outside counts for neither box.
    wider = TRUTH + (0, 0, 30, 0)
    assert score(wider, TRUTH, frame_wh=(120, 200)).ao == pytest.approx(1)
    assert score(wider, TRUTH, frame_wh=(120, 200)).frames == 9


def test_means_count_every_target_the_same_or_every_frame():
    good, bad = score(TRUTH, TRUTH), score(moved(500)[:2], TRUTH[:2])
    assert mean_score([good, bad]).precision_20 == pytest.approx((1 + 0.5) / 2)
    pooled = mean_score([good, bad], by_frames=True)
    assert pooled.precision_20 == pytest.approx(11 / 12)
    assert pooled.frames == 12


BOXES = arrays(
    np.float64,
    (7, 4),
    elements=st.integers(1, 60).map(lambda value: value / 2),
)


@given(BOXES, BOXES)
def test_got10ks_otb_numbers(predicted, truth):
    """Of ExperimentOTB: its first frame, thresholds and comparisons, on boxes as files hold them."""
    theirs = predicted.copy()
    theirs[0] = truth[0]
    overlaps, errors = rect_iou(theirs.copy(), truth.copy()), center_error(theirs, truth)
    ours = score(from_one_based(predicted), from_one_based(truth))
    np.testing.assert_allclose(ours.success, (overlaps[:, None] > np.linspace(0, 1, 21)).mean(0), atol=1e-9)
    np.testing.assert_allclose(ours.precision, (errors[:, None] <= np.arange(51)).mean(0), atol=1e-9)


@given(BOXES, BOXES)
def test_got10ks_got10k_numbers(predicted, truth):
    """Of ExperimentGOT10k, which clips its arguments in place: it gets copies."""
    bound = (22, 17)
    overlaps = rect_iou(predicted[1:].copy(), truth[1:].copy(), bound=bound)
    ao, sr, _, curve = ExperimentGOT10k._evaluate(None, overlaps, np.array([]))
    ours = score(from_one_based(predicted), from_one_based(truth), "got10k", bound)
    assert ours.ao == pytest.approx(ao, abs=1e-6)
    assert ours.sr_50 == pytest.approx(sr, abs=1e-6)
    np.testing.assert_allclose(ours.rate, curve, atol=1e-6)


def test_frame_errors_are_those_of_each_frame():
    frames = frame_errors(moved(10), TRUTH, "got10k")
    np.testing.assert_allclose(frames.overlap, [1, *[0.6] * 9])
    np.testing.assert_allclose(frames.error, [0, *[10] * 9])
    np.testing.assert_allclose(frames.normalised, [0, *[0.25] * 9])
    assert frames.counted.all()


@pytest.mark.parametrize("rules", ["otb", "got10k"])
def test_many_runs_are_scored_as_each_alone(rules):
    rng = np.random.default_rng(0)
    runs = []
    for frames in rng.integers(1, 30, 60):
        truth = rng.uniform(1, 50, (frames, 4))
        predicted = truth + rng.normal(0, 4, truth.shape)
        predicted[rng.uniform(size=frames) < 0.2] = np.nan
        runs.append((predicted, truth))
    for (predicted, truth), together in zip(runs, score_runs(runs, rules), strict=True):
        alone = score(predicted, truth, rules)
        for name, value in vars(alone).items():
            np.testing.assert_allclose(getattr(together, name), value, rtol=1e-14)
