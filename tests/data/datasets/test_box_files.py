"""Boxes in text files: 1-based outside, 0-based inside."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.datasets.box_files import parse_region, read_bboxes, write_bboxes

NAN = [math.nan] * 4


@pytest.mark.parametrize(
    "text",
    [
        "1,2,3,4\n10,20,30.5,40\n",
        "1\t2\t3\t4\n10\t20\t30.5\t40",
        "1 2 3 4\r\n10  20  30.5  40\r\n",
        " 1, 2,\t3 ,4 \n10,20 30.5\t40\n\n \n",
        "\ufeff1,2,3,4\n1e1,20.,30.50,+40\n",
    ],
)
def test_every_separator_gives_the_same_zero_based_boxes(text, tmp_path):
    (tmp_path / "b.txt").write_bytes(text.encode())
    np.testing.assert_array_equal(read_bboxes(tmp_path / "b.txt"), [[0, 1, 3, 4], [9, 19, 30.5, 40]])


@pytest.mark.parametrize(
    "row", ["NaN,NaN,NaN,NaN", "nan nan nan nan", "1,2,nan,4", "", "0,0,0,0", "5,5,0,9", "5,5,9,-1"]
)
def test_an_absent_target_is_a_row_of_nan(row, tmp_path):
    (tmp_path / "b.txt").write_text(f"1,1,2,2\n{row}\n3,3,2,2\n")
    np.testing.assert_array_equal(read_bboxes(tmp_path / "b.txt"), [[0, 0, 2, 2], NAN, [2, 2, 2, 2]])


@pytest.mark.parametrize(
    "row", ["1,2,3", "1,2,3,4,5", "1,,3,4", "1,2,3,4,", "x,y,w,h", "1;2;3;4", "1,2,inf,4", "1,2,3,4 # ok"]
)
def test_a_bad_row_names_file_line_and_text(row, tmp_path):
    (tmp_path / "b.txt").write_text(f"1,1,2,2\n{row}\n")
    with pytest.raises(ValueError, match=r"b\.txt, line 2: expected four numbers") as error:
        read_bboxes(tmp_path / "b.txt")
    assert f"'{row}'" in str(error.value)


def test_missing_binary_and_empty_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="box file does not exist"):
        read_bboxes(tmp_path / "b.txt")
    (tmp_path / "b.txt").write_bytes(b"\xff\xff\x00\x80")
    with pytest.raises(ValueError, match="not a text file"):
        read_bboxes(tmp_path / "b.txt")
    (tmp_path / "b.txt").write_bytes(b"")
    assert read_bboxes(tmp_path / "b.txt").shape == (0, 4)


def test_written_form_is_one_based_with_three_decimals(tmp_path):
    write_bboxes(tmp_path / "b.txt", [[0, 1, 20, 16], NAN, [9.5, -3, 2.0005, 1 / 3]])
    assert (tmp_path / "b.txt").read_bytes() == (
        b"1.000,2.000,20.000,16.000\nnan,nan,nan,nan\n10.500,-2.000,2.001,0.333\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    write_bboxes(tmp_path / "b.txt", [[0, 0, 1, 1]])
    for wrong in ([1, 2, 3, 4], np.zeros((2, 3))):
        with pytest.raises(ValueError, match=r"\(N, 4\)"):
            write_bboxes(tmp_path / "b.txt", wrong)
    with pytest.raises(FileNotFoundError, match="does not exist, create it"):
        write_bboxes(tmp_path / "none" / "b.txt", [[0, 0, 1, 1]])
    assert (tmp_path / "b.txt").read_text() == "1.000,1.000,1.000,1.000\n"
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]


@given(
    st.lists(
        st.one_of(
            st.just(NAN),
            st.tuples(*[st.integers(-5_000_000, 5_000_000)] * 2, *[st.integers(1, 5_000_000)] * 2).map(
                lambda thousandths: [value / 1000 for value in thousandths]
            ),
        ),
        max_size=8,
    ),
    st.sampled_from([",", "\t", " ", ", ", "  "]),
)
def test_writing_and_reading_any_separator_gives_the_same_boxes(tmp_path_factory, boxes, separator):
    path = tmp_path_factory.getbasetemp() / "round.txt"
    write_bboxes(path, np.reshape(boxes, (-1, 4)))
    path.write_text(path.read_text().replace(",", separator))
    np.testing.assert_allclose(read_bboxes(path), np.reshape(boxes, (-1, 4)), atol=1e-9)


@given(st.text(alphabet="0123456789.,-+enaif \t\n", max_size=40))
def test_any_text_gives_rows_of_four_or_one_clear_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_text(text)
    try:
        boxes, said = read_bboxes(path), None
    except ValueError as error:
        boxes, said = np.empty((0, 4)), str(error)
    assert said is None or "any.txt, line " in said
    assert said or len(boxes) == len(text.rstrip().splitlines())
    present = boxes[~np.isnan(boxes).all(axis=1)]
    assert np.isfinite(present).all()
    assert (present[:, 2:] > 0).all()


@given(st.lists(st.lists(st.floats(1e-3, 1e6), min_size=4, max_size=4), min_size=1, max_size=20))
def test_numbers_are_what_float_makes_of_them(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "exact.txt"
    path.write_text("\n".join(",".join(map(repr, row)) for row in rows))
    np.testing.assert_array_equal(read_bboxes(path), np.array(rows) - (1, 1, 0, 0))


def test_a_rectangle_of_vot_stays_one():
    assert parse_region(["1", "2", "3", "4"]) == [1, 2, 3, 4]
