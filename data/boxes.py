"""Boxes are (x, y, w, h), 0-based; files of OTB and GOT-10k are 1-based: converted by these two functions."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def from_one_based(bboxes: ArrayLike) -> NDArray[np.float64]:
    """Turn 1-based boxes (..., 4) of a file into 0-based float64 boxes; NaN stays NaN."""
    return np.asarray(bboxes, np.float64) - np.array([1.0, 1.0, 0.0, 0.0])


def to_one_based(bboxes: ArrayLike) -> NDArray[np.float64]:
    """Turn 0-based boxes (..., 4) into the 1-based float64 boxes of a file; NaN stays NaN."""
    return np.asarray(bboxes, np.float64) + np.array([1.0, 1.0, 0.0, 0.0])
