"""Text files of numbers, read fast: a benchmark's results are thousands of them."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from data.boxes import Floats

T = TypeVar("T")

_PLAIN = b"0123456789-., \t\n"
_SEPARATORS = b", \t"
_EXACT = 2**53  # whole numbers below are exact in float64
_FILES = 20  # read together: with more, one that is unlike the others slows more of them down


def parse_table(text: str) -> Floats:
    r"""Parse lines that hold equally many numbers each, with commas or with white space between them.

    Numbers that all have the same count of decimals and one character between them, as tools write them, are
    read as whole numbers, which takes an eighth of the time; the result is the same to the last bit.

    Returns:
        float64 ``(lines, columns)``; empty lines are no lines.

    Raises:
        ValueError: the text is something else.

    >>> parse_table("1.50,2.25\n3.00,nan\n").tolist()
    [[1.5, 2.25], [3.0, nan]]
    """
    if not any(map(str.isdigit, text)):
        raise ValueError("expected lines of numbers, got none")
    table = _parse_regular(text.rstrip().encode() + b"\n")
    if table is not None:
        return table
    delimiter = "," if "," in text else None
    return np.loadtxt(text.split("\n"), delimiter=delimiter, comments=None, ndmin=2)


def parse_tables(texts: Sequence[str]) -> tuple[Floats, NDArray[np.intp]]:
    """Parse several texts as one, which saves most of the time where one tool wrote them.

    Args:
        texts: without white space at their ends.

    Returns:
        float64 ``(lines, columns)``, one text's after the other's, and the lines at which ``np.split`` parts them.

    Raises:
        ValueError: together they are no table, or hold empty lines.
    """
    table = parse_table("\n".join(texts))
    ends = np.cumsum([text.count("\n") + 1 for text in texts])
    if len(table) != ends[-1]:
        raise ValueError("expected numbers in every line, got empty lines")
    return table, ends[:-1]


def read_together(
    read_many: Callable[[Sequence[Path]], Sequence[T]], read_one: Callable[[Path], T], paths: Sequence[Path]
) -> list[T | OSError | ValueError]:
    """Read many files some at a time, which is quicker; where that fails, one by one.

    Args:
        read_many: reads some files, a result for each, or raises one of these errors.
        read_one: reads one file or says what is wrong with it.
        paths: the files.

    Returns:
        What each file holds, or the error that reading it alone gives.
    """
    found: list[T | OSError | ValueError] = []
    for first in range(0, len(paths), _FILES):
        some = paths[first : first + _FILES]
        try:
            found += read_many(some)
        except (OSError, ValueError):
            found += [_read_alone(read_one, path) for path in some]
    return found


def _read_alone(read_one: Callable[[Path], T], path: Path) -> T | OSError | ValueError:
    try:
        return read_one(path)
    except (OSError, ValueError) as error:
        return error


def _parse_regular(text: bytes) -> Floats | None:
    """The table of a text that is as regular as ``parse_table`` says; None for any other."""
    if text.translate(None, _PLAIN):
        return None  # nan, inf, 1e-3, or no number at all
    characters = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(characters <= ord(","))  # of the plain ones, those between numbers
    points = np.flatnonzero(characters == ord("."))
    lines = np.flatnonzero(characters[ends] == ord("\n"))
    columns = lines[0] + 1
    if len(ends) != columns * len(lines) or (lines != np.arange(1, len(lines) + 1) * columns - 1).any():
        return None
    decimals = 0
    if points.size:
        if len(ends) != len(points) or (ends - points != ends[0] - points[0]).any():
            return None
        decimals = int(ends[0] - points[0]) - 1
    separators = {character for character in _SEPARATORS if character in text}
    if len(separators) > 1:
        return None
    plain = text.translate(bytes.maketrans(b"\n", bytes(separators or {ord(",")})), b".")
    with warnings.catch_warnings():
        # Of a sign within a number, or of nothing between separators.
        warnings.simplefilter("error", DeprecationWarning)
        try:
            whole = np.fromstring(plain, np.int64, sep=chr(plain[-1]))
        except (DeprecationWarning, ValueError):
            return None
    if len(whole) != len(ends) or np.abs(whole).max() >= _EXACT:
        return None
    return whole.reshape(-1, columns) / 10.0**decimals
