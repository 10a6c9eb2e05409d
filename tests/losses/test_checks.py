"""Hyper-parameters out of their range are refused in words that say the range."""

import pytest
import torch

from losses.checks import choice, class_counts, number, whole_number


def test_a_number_keeps_its_bounds():
    assert number("a", 1, above=0, at_most=1) == 1.0
    for value in (0, 2, float("nan"), float("inf"), True, "1", None):
        with pytest.raises(ValueError, match=r"a must be a finite number > 0 and <= 1, got"):
            number("a", value, above=0, at_most=1)
    with pytest.raises(ValueError, match=r"a must be a finite number, got inf"):
        number("a", float("inf"))


@pytest.mark.parametrize("value", [1.0, True, -1, "2"])
def test_a_whole_number_is_an_int(value):
    assert whole_number("bins", 3, at_least=0) == 3
    with pytest.raises(ValueError, match="bins must be a whole number >= 0"):
        whole_number("bins", value, at_least=0)


def test_a_choice_is_one_of_them():
    assert choice("kind", "log", ("log", "exp")) == "log"
    with pytest.raises(ValueError, match="kind must be one of 'log', 'exp', got 'sin'"):
        choice("kind", "sin", ("log", "exp"))


def test_counts_are_exact_beyond_what_a_half_or_a_float_holds():
    assert class_counts([2**24 + 1, 1]).tolist() == [2**24 + 1, 1]
    assert class_counts(torch.tensor([[3], [1]])).tolist() == [3, 1]
    for counts in ([5], [1, 0], [1, 1.5], [1, float("inf")]):
        with pytest.raises(ValueError, match="at least 2 whole numbers >= 1"):
            class_counts(counts)
