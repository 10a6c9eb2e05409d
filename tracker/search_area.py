"""The square search region: its settings, its side, and the bounds of the target's size."""

import math
from dataclasses import dataclass

import numpy as np

from data.boxes import Floats
from tracker.checks import above, whole

MIN_TARGET_SIDE = 5.0
"""A target never shrinks below this geometric mean of width and height, in pixels."""


@dataclass(frozen=True)
class SearchSettings:
    """Where a tracker looks for the target, and when it takes the target for lost.

    Attributes:
        crop_size: side of the resized search region in crop pixels, a multiple of the backbone's stride and at
            least 8 of it.
        search_area_scale: side of the search region over ``sqrt(w h)`` of the target, > 1.
        lost_score: a frame whose response peak is lower than this (the label's is 1) is reported as lost.

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
        """Side of the response map in cells, for a backbone of ``stride`` crop pixels a cell.

        Raises:
            ValueError: ``crop_size`` is no multiple of the stride, or below 8 of it.
        """
        if self.crop_size % stride or self.crop_size < 8 * stride:
            raise ValueError(
                f"crop_size must be a multiple of the backbone's stride {stride} and at least 8 of it, "
                f"got {self.crop_size}"
            )
        return self.crop_size // stride

    def side(self, size: Floats) -> float:
        """Side of the search region in frame pixels for a target of ``size`` (width, height)."""
        # An elongated target must fit into the square with some surroundings.
        return max(self.search_area_scale * math.sqrt(size.prod()), 1.2 * float(size.max()))


def bounded_scale(scale: float, size: Floats, frame_wh: tuple[int, int]) -> float:
    """Clip ``scale`` to the sizes a target may have: not below ``MIN_TARGET_SIDE``, not larger than the frame.

    Args:
        scale: the target's width and height over ``size``.
        size: the target's width and height at scale 1, in pixels; scale 1 is always allowed.
        frame_wh: width and height of the frame.
    """
    smallest = min(MIN_TARGET_SIDE / math.sqrt(size.prod()), 1.0)
    largest = max(float((np.array(frame_wh) / size).min()), 1.0)
    return float(np.clip(scale, smallest, largest))
