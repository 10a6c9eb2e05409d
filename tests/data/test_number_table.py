"""Tables of numbers: to the last bit what float() makes of each field, and errors for all else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.number_table import parse_table

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
