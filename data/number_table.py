"""Text files of numbers, read fast: a benchmark's results are thousands of them."""

import numpy as np

from data.boxes import Floats

_PLAIN = b"0123456789-., \t\n"


def parse_table(text: str) -> Floats:
    r"""Parse lines that hold equally many numbers each, with commas or with white space between them.

    Numbers that all have the same count of decimals, as tools write them, are read as whole numbers, which
    takes a fifth of the time; the result is the same to the last bit.

    Returns:
        float64 ``(lines, columns)``; empty lines are no lines.

    Raises:
        ValueError: the text is something else.

    >>> parse_table("1.50,2.25\n3.00,nan\n").tolist()
    [[1.5, 2.25], [3.0, nan]]
    """
    if not any(map(str.isdigit, text)):
        raise ValueError("expected lines of numbers, got none")
    delimiter = "," if "," in text else None
    decimals = _common_decimals(text.encode())
    if decimals is None:
        return np.loadtxt(text.splitlines(), delimiter=delimiter, comments=None, ndmin=2)
    lines = text.replace(".", "").splitlines()
    whole = np.loadtxt(lines, dtype=np.int64, delimiter=delimiter, comments=None, ndmin=2)
    return whole / 10.0**decimals


def _common_decimals(text: bytes) -> int | None:
    """How many digits follow the point of every number; None where that differs or is not plain to see."""
    if text.translate(None, _PLAIN):
        return None  # nan, inf, 1e-3, or no number at all
    characters = np.frombuffer(text.rstrip() + b"\n", np.uint8)
    points = np.flatnonzero(characters == ord("."))
    if not points.size:
        return 0
    ends = np.flatnonzero(characters <= ord(","))  # of the plain ones, those between numbers
    if len(ends) != len(points) or (ends - points != ends[0] - points[0]).any():
        return None
    return int(ends[0] - points[0]) - 1
