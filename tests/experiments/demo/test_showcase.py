"""What a trial says of its boxes and times."""

import numpy as np
import pytest

from experiments.demo.showcase import Trial


def followed(truth, boxes, seconds):
    return Trial(np.array(truth, float), [np.array(box, float) for box in boxes], seconds)


def test_a_trial_by_hand():
    there, half, away = (0, 0, 10, 10), (0, 5, 10, 10), (50, 50, 10, 10)
    trial = followed([there] * 4, [there, half, away, there], [9.0, 0.1, 0.2, 0.1])
    assert trial.first_miss == 2
    # overlaps 1, 1/3, 0, 1: above 0 to 0.3 three of four frames (7 thresholds), then two (13), above 1 none
    assert trial.score.success_auc == pytest.approx((7 * 3 + 13 * 2) / 4 / 21)
    assert trial.score.precision_20 == 0.75  # centres 0, 5, 71, 0 pixels off


def test_where_the_target_is_absent_nothing_is_missed():
    there, away = (0, 0, 10, 10), (50, 50, 10, 10)
    trial = followed([there, [np.nan] * 4, there], [there, away, there], [1.0] * 3)
    assert trial.first_miss is None
