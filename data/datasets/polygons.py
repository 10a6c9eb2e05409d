"""Annotations that are no boxes: opposite corners, and the turned rectangles of VOT."""

import math

import numpy as np


def parse_corners(fields: list[str]) -> list[float]:
    """The box of a line of NfS: track, left, top, right, bottom, and more that is not needed.

    Raises:
        ValueError: The fields are not numbers, or too few.
    """
    if len(fields) < 5:
        raise ValueError("too few fields")
    left, top, right, bottom = map(float, fields[1:5])
    return [left, top, right - left, bottom - top]


def parse_region(fields: list[str]) -> list[float]:
    """The box of a line of VOT: four numbers are a box, eight the corners of a turned rectangle.

    A turned rectangle gets the upright box about its centre that has its area and the proportions of the
    upright box around it, as the VOT toolkit and the trackers that are compared on it make one.

    Raises:
        ValueError: The fields are not four or eight numbers.
    """
    numbers = np.array(list(map(float, fields)))
    if len(numbers) == 4:
        return numbers.tolist()
    corners = numbers.reshape(4, 2)
    around = np.ptp(corners, axis=0)
    area = math.dist(corners[0], corners[1]) * math.dist(corners[1], corners[2])
    size = around * math.sqrt(area / around.prod()) + 1
    return [*(corners.mean(axis=0) - size / 2), *size]
