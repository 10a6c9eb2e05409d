"""Bootstrap intervals: their width, their coverage, their pairing, and what is missing."""

import numpy as np
import pytest
from scipy import stats

from experiments.scoring.bootstrap import bootstrap, student, t_quantile


def test_the_interval_is_that_of_the_standard_error():
    values = np.random.default_rng(1).normal(0.6, 0.2, 400)
    half_width = 1.96 * values.std() / 20
    np.testing.assert_allclose(bootstrap(values), values.mean() + [-half_width, half_width], atol=0.002)


def test_it_holds_the_true_mean_as_often_as_it_says():
    samples = np.random.default_rng(2).normal(0.5, 0.1, (600, 60))
    low, high = bootstrap(samples).T
    assert ((low < 0.5) & (high > 0.5)).mean() == pytest.approx(0.95, abs=0.03)


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(3).random((3, 4, 20))
    assert bootstrap(values).shape == (3, 4, 2)
    np.testing.assert_array_equal(bootstrap(values), bootstrap(values))
    np.testing.assert_allclose(bootstrap(values)[1, 2], bootstrap(values[1, 2]))
    assert (bootstrap(values) != bootstrap(values, seed=1)).any()


def test_a_small_gain_everywhere_is_found_though_the_trackers_intervals_overlap():
    first = np.random.default_rng(4).random(100)
    second = first - 0.01
    assert bootstrap(first)[0] < bootstrap(second)[1]
    np.testing.assert_allclose(bootstrap(first - second), 0.01)


def test_weights_count():
    values = np.array([0.0, 1.0] * 50)
    low, high = bootstrap(values, np.array([3.0, 1.0] * 50))
    assert low < 0.25 < high
    assert high < 0.5


def test_missing_sequences_are_left_out_and_one_gives_no_interval():
    values = np.array([[0.2, 0.4, np.nan, 0.6], [np.nan, np.nan, np.nan, 0.5], [np.nan] * 4])
    low, high = bootstrap(values).T
    assert 0.2 <= low[0] < 0.4 < high[0] <= 0.6
    assert np.isnan([low[1:], high[1:]]).all()


def test_student_s_t_is_scipys():
    values = np.random.default_rng(0).normal(0.6, 0.2, (2, 9))
    values[1, 3:] = np.nan
    for row, (low, high) in zip(values, student(values), strict=True):
        present = row[np.isfinite(row)]
        expected = stats.t.interval(0.95, len(present) - 1, present.mean(), stats.sem(present))
        assert (low, high) == pytest.approx(expected, rel=1e-9)
    assert np.isnan(student([[0.5, np.nan]])).all()
    for degrees in (1, 2, 3, 40, 97):
        assert t_quantile(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=1e-9)


def test_of_eight_sequences_the_bootstrap_says_too_little_and_student_s_t_enough():
    values = np.random.default_rng(1).normal(size=(2000, 8))
    covers = [np.mean((ends[:, 0] <= 0) & (ends[:, 1] >= 0)) for ends in (bootstrap(values), student(values))]
    assert covers[0] < 0.91
    assert covers[1] == pytest.approx(0.95, abs=0.015)
