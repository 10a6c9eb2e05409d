"""Text files of boxes, one line for each frame: upright boxes, corners, and the turned rectangles of VOT."""

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from data.boxes import Floats, from_one_based, to_one_based
from data.files import read_text, write_text

_ABSENT = [math.nan] * 4


def parse_xywh(fields: list[str]) -> list[float]:
    """Read the fields of a line as the four numbers of a box; raises ``ValueError`` for other fields."""
    x, y, w, h = map(float, fields)
    return [x, y, w, h]


def read_bboxes(path: str | Path, parse: Callable[[list[str]], list[float]] = parse_xywh) -> Floats:
    """Read a text file of boxes: ``x,y,w,h`` in each line, 1-based, separated by commas, tabs or spaces.

    In a line that is empty, or holds a NaN or a width or height of 0 or less, the target is absent. Empty lines
    at the end of the file are ignored.

    Args:
        path: The text file.
        parse: Turns the fields of a line into ``x, y, w, h``; raises ``ValueError`` for fields that are no box.

    Returns:
        float64 ``(N, 4)``, 0-based; absent rows are all NaN.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is not four numbers; file, line number and text are named.
    """
    text = read_text(path, "box file").rstrip()
    if text and parse is parse_xywh:
        try:
            return _parse_plain(text)
        except ValueError:
            pass  # what is wrong, and in which line, is found below
    lines = text.splitlines()
    rows = [_parse_row(line.strip(), f"{path}, line {n}", parse) for n, line in enumerate(lines, 1)]
    return from_one_based(np.array(rows, np.float64).reshape(-1, 4))


def parse_corners(fields: list[str]) -> list[float]:
    """Read the box of a line of NfS: track, left, top, right, bottom; further fields are ignored.

    Raises:
        ValueError: The fields are not numbers, or too few.
    """
    if len(fields) < 5:
        raise ValueError("too few fields")
    left, top, right, bottom = map(float, fields[1:5])
    return [left, top, right - left, bottom - top]


def parse_region(fields: list[str]) -> list[float]:
    """Read the box of a line of VOT: four numbers, or eight for the corners of a turned rectangle; see `upright`.

    Raises:
        ValueError: The fields are not four or eight numbers, or a mask.
    """
    return upright(np.array(parse_corners_of_region(fields))[None])[0].tolist()


def parse_corners_of_region(fields: list[str]) -> list[float]:
    """Read the four or eight numbers of a line of VOT.

    Raises:
        ValueError: The fields are not four or eight numbers, or a mask.
    """
    if fields and fields[0].startswith("m"):
        raise ValueError(
            "masks are not read: give a challenge of before 2020, whose regions are boxes or corners"
        )
    numbers = list(map(float, fields))
    if len(numbers) not in (4, 8):
        raise ValueError("neither four nor eight numbers")
    return numbers


def upright(regions: Floats) -> Floats:
    """Convert regions to upright boxes ``(N, 4)``: corners ``(N, 8)`` of rectangles, or boxes, which stay.

    A turned rectangle becomes the upright box with its centre, its area, and the aspect ratio of the upright box
    around it. Trackers that are compared on VOT start from such boxes.
    """
    if regions.shape[1] == 4:
        return regions
    corners = regions.reshape(-1, 4, 2)
    around = np.ptp(corners, axis=1)
    sides = np.linalg.norm(np.diff(corners[:, :3], axis=1), axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        size = around * np.sqrt(sides.prod(axis=1) / around.prod(axis=1))[:, None] + 1
    return np.concatenate([corners.mean(axis=1) - size / 2, size], axis=1)


def write_bboxes(
    path: str | Path, bboxes: ArrayLike, codes: Mapping[int, int] = MappingProxyType({})
) -> None:
    """Write boxes in OTB's format: lines ``x,y,w,h``, 1-based, three decimals; ``nan,nan,nan,nan`` where absent.

    The file appears only when it is complete.

    Args:
        path: Text file to write or replace; its folder must exist.
        bboxes: ``(N, 4)``, 0-based.
        codes: Frame -> number written in its row instead of a box, as in VOT's files.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: The boxes are not ``(N, 4)``.
    """
    array = np.asarray(bboxes, np.float64)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"bboxes must be (N, 4), got {array.shape}")
    lines = box_lines(array).splitlines()
    write_text(path, "".join(f"{codes.get(frame, line)}\n" for frame, line in enumerate(lines)))


def box_lines(bboxes: Floats, digits: int = 3) -> str:
    """Format boxes ``(N, 4)``, 0-based, as the lines of a 1-based file with so many decimals."""
    return "".join(",".join(f"{value:.{digits}f}" for value in row) + "\n" for row in to_one_based(bboxes))


def _parse_plain(text: str) -> Floats:
    """Parse a file whose every line holds four finite numbers or NaN; raises ``ValueError`` for any other file."""
    lines = text.split("\n")
    rows = np.loadtxt(lines, delimiter="," if "," in text else None, comments=None, ndmin=2)
    if rows.shape != (len(lines), 4) or np.isinf(rows).any():
        raise ValueError("expected four finite numbers a line")
    x, y, w, h = rows.T
    rows[np.isnan(x + y) | ~(w > 0) | ~(h > 0)] = math.nan
    return from_one_based(rows)


def _parse_row(line: str, where: str, parse: Callable[[list[str]], list[float]]) -> list[float]:
    if not line:
        return _ABSENT
    try:
        values = parse(re.split(r"\s*,\s*|\s+", line))
    except ValueError:
        values = [math.inf]
    if any(map(math.isinf, values)):
        mask = ", a mask: masks are not read" if line.startswith("m") else ""
        raise ValueError(f"{where}: expected four numbers x,y,w,h, got '{line[:60]}'{mask}")
    present = not any(map(math.isnan, values)) and values[2] > 0 and values[3] > 0
    return values if present else _ABSENT
