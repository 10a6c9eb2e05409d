"""Tables of numbers: to the last bit what float() makes of each field, and errors for all else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.datasets.box_files import parse_table, parse_tables

NUMBERS = st.lists(st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4), min_size=1, max_size=20)


@given(NUMBERS, st.integers(0, 8), st.sampled_from([",", "\t", " ", ", "]), st.sampled_from(["\n", "\r\n"]))
def test_equally_many_decimals(rows, decimals, separator, end):
    lines = [[f"{value:.{decimals}f}" for value in row] for row in rows]
    text = "".join(separator.join(line) + end for line in lines)
    np.testing.assert_array_equal(parse_table(text), [[float(field) for field in line] for line in lines])


@given(NUMBERS)
def test_any_decimals(rows):
    text = "\n".join(",".join(map(repr, row)) for row in rows)
    np.testing.assert_array_equal(parse_table(text), rows)


def test_nan_and_infinity():
    np.testing.assert_array_equal(parse_table("1.5,NaN\ninf,-2.5\n"), [[1.5, np.nan], [np.inf, -2.5]])


@pytest.mark.parametrize(
    "text", ["", "\n\n", "one,two", "1,2\n3", "1,,2", "1.2.3", "1.50,2-50", ".", "1.5 2.5\n1.5,2.5", "# 1"]
)
def test_anything_else_is_an_error(text):
    with pytest.raises(ValueError):  # noqa: PT011  (NumPy's words differ)
        parse_table(text)


@pytest.mark.parametrize("decimals", [14, 15, 16, 18, 20])
def test_numbers_beyond_what_a_whole_number_holds(decimals):
    text = f"412.{'1234567890' * 2:.{decimals}}\n7.{'9876543210' * 2:.{decimals}}"
    np.testing.assert_array_equal(parse_table(text), [[float(line)] for line in text.split()])


def test_several_texts_are_parsed_as_one_and_parted_again():
    table, ends = parse_tables(["1,2\n3,4", "5.5,6", "7,8\n9,10\n11,12"])
    parts = [part.tolist() for part in np.split(table, ends)]
    assert parts == [[[1, 2], [3, 4]], [[5.5, 6]], [[7, 8], [9, 10], [11, 12]]]


@pytest.mark.parametrize(
    "texts", [["1,2\x0c3,4", ""], ["1,2\u20283,4", "5,6\n\n7,8"], ["1,2", "3"], ["1", "2 3"]]
)
def test_texts_that_are_no_table_together(texts):
    with pytest.raises(ValueError):  # noqa: PT011  (NumPy's words differ)
        parse_tables(texts)
