"""What trackers with a square search region do alike: its settings, its side, the bounds of the target's size."""

import math

import numpy as np

from data.boxes import Floats

MIN_TARGET_SIDE = 5.0
"""A target never shrinks below this geometric mean of width and height, in pixels."""


def check_search_area(crop_size: int, search_area_scale: float, stride: int) -> None:
    """Refuse a search region that cannot be searched.

    Args:
        crop_size: side of the resized search region in crop pixels.
        search_area_scale: side of the search region over ``sqrt(w h)`` of the target.
        stride: of the backbone, in crop pixels.

    Raises:
        ValueError: ``crop_size`` is no multiple of the stride or below 8 of it, or the region is no larger than
            the target.
    """
    if crop_size % stride or crop_size < 8 * stride:
        raise ValueError(
            f"crop_size must be a multiple of the backbone's stride {stride} and at least 8 of it, got {crop_size}"
        )
    if not search_area_scale > 1:
        raise ValueError(f"search_area_scale must be > 1, got {search_area_scale}")


def search_side(size: Floats, search_area_scale: float) -> float:
    """Side of the search region in pixels for a target of ``size`` (width, height)."""
    # An elongated target must fit into the square with some surroundings.
    return max(search_area_scale * math.sqrt(size.prod()), 1.2 * float(size.max()))


def bounded_scale(scale: float, size: Floats, frame_wh: tuple[int, int]) -> float:
    """``scale`` within the sizes a target may have: not below ``MIN_TARGET_SIDE``, not larger than the frame.

    Args:
        scale: of the target's width and height over ``size``.
        size: its width and height at scale 1, in pixels; itself always allowed.
        frame_wh: width and height of the frame.
    """
    smallest = min(MIN_TARGET_SIDE / math.sqrt(size.prod()), 1.0)
    largest = max(float((np.array(frame_wh) / size).min()), 1.0)
    return float(np.clip(scale, smallest, largest))
