"""The square search region: its settings, its side, and the bounds of the target's size."""

import math
from dataclasses import dataclass

import numpy as np

from data.boxes import Floats
from tracker.checks import above, whole

MIN_TARGET_SIDE = 5.0
"""Least geometric mean of a target's width and height, in pixels."""


@dataclass(frozen=True)
class SearchSettings:
    """Settings of the search region and of lost targets.

    Attributes:
        crop_size: side of the resized search region in crop pixels, a multiple of the backbone's stride and at
            least 8 strides.
        search_area_scale: side of the search region over ``sqrt(w h)`` of the target, > 1.
        lost_score: the target is reported as lost if the response's peak is lower (the label's peak is 1).

    Raises:
        ValueError: a setting outside its range.
    """

    crop_size: int = 200
    search_area_scale: float = 5.0
    lost_score: float = 0.25

    def __post_init__(self) -> None:
        whole("crop_size", self.crop_size, 1)
        above("search_area_scale", self.search_area_scale, 1)

    def map_size(self, stride: int) -> int:
        """Compute the side of the response map in cells, for a backbone of ``stride`` crop pixels per cell.

        Raises:
            ValueError: ``crop_size`` is no multiple of the stride, or below 8 strides.
        """
        if self.crop_size % stride or self.crop_size < 8 * stride:
            raise ValueError(
                f"crop_size must be a multiple of the backbone's stride {stride} and at least 8 of it, "
                f"got {self.crop_size}"
            )
        return self.crop_size // stride

    def side(self, size: Floats) -> float:
        """Compute the side of the search region in frame pixels for a target of ``size`` (width, height)."""
        # An elongated target must fit into the square with some background.
        return max(self.search_area_scale * math.sqrt(size.prod()), 1.2 * float(size.max()))


def middle(target: int, length: int) -> slice:
    """Return the middle ``target`` cells of ``length``, 1 to ``length``; one cell more if their parities differ."""
    cells = min(max(target, 1), length)
    cells += (length - cells) % 2
    start = (length - cells) // 2
    return slice(start, start + cells)


def bounded_scale(scale: float, size: Floats, frame_wh: tuple[int, int]) -> float:
    """Clip ``scale`` so that the target is not smaller than ``MIN_TARGET_SIDE`` nor larger than the frame.

    Args:
        scale: the target's width and height over ``size``.
        size: the target's width and height at scale 1, in pixels; scale 1 is always allowed.
        frame_wh: width and height of the frame.
    """
    smallest = min(MIN_TARGET_SIDE / math.sqrt(size.prod()), 1.0)
    largest = max(float((np.array(frame_wh) / size).min()), 1.0)
    return float(np.clip(scale, smallest, largest))
