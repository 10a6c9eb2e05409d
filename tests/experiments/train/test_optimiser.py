"""The rate against its closed forms."""

import math

import pytest

from experiments.train.optimiser import rate_factor


def test_warmup_rises_linearly_to_the_highest_rate():
    assert [rate_factor(step, 100, "constant", warmup=4) for step in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]


def test_cosine_is_one_half_in_the_middle_and_ends_near_zero():
    assert rate_factor(20, 120, warmup=20) == 1
    assert rate_factor(70, 120, warmup=20) == pytest.approx(0.5)
    assert rate_factor(45, 120, warmup=20) == pytest.approx((2 + math.sqrt(2)) / 4)
    assert rate_factor(119, 120, warmup=20) == pytest.approx(math.sin(math.pi / 200) ** 2)


def test_steps_drop_at_their_milestones():
    factors = [rate_factor(step, 10, "step", milestones=(3, 6), drop=0.5) for step in (0, 2, 3, 5, 6, 9)]
    assert factors == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_a_warmup_longer_than_the_run_is_no_division_by_zero():
    assert rate_factor(9, 10, warmup=10) == 1
    assert rate_factor(9, 10, warmup=20) == 0.5
