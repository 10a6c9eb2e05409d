"""Success and precision: how far predicted boxes are from the ground truth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from data.boxes import Floats, bbox_center, bbox_iou

SUCCESS_THRESHOLDS = np.linspace(0, 1, 21)
"""Overlaps at which success is measured (Wu, Lim, Yang, CVPR 2013)."""

PRECISION_THRESHOLDS = np.arange(51.0)
"""Centre errors in pixels at which precision is measured."""


@dataclass(frozen=True)
class Score:
    """How well one target was followed.

    Attributes:
        success: share ``(21,)`` of the frames whose overlap is strictly greater than each threshold.
        precision: share ``(51,)`` of the frames whose centre error is at most each threshold.
    """

    success: Floats
    precision: Floats

    @property
    def success_auc(self) -> float:
        """Mean success over the thresholds; a perfect tracker gets 20/21, for no overlap is greater than 1."""
        return float(self.success.mean())

    @property
    def precision_20(self) -> float:
        """Precision at 20 pixels."""
        return float(self.precision[20])


def score(predicted: ArrayLike, truth: ArrayLike) -> Score:
    """Compare boxes ``(N, 4)`` frame by frame; frames where ``truth`` is NaN (target absent) are left out.

    Raises:
        ValueError: other shapes, or no frame with ground truth.
    """
    predicted, truth = np.asarray(predicted, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if predicted.shape != truth.shape or truth.ndim != 2 or truth.shape[1] != 4:
        raise ValueError(f"boxes must both be (N, 4), got {predicted.shape} and {truth.shape}")
    present = ~np.isnan(truth).any(axis=1)
    if not present.any():
        raise ValueError(f"ground truth must have a box in some frame, got {len(truth)} frames without")
    overlap = bbox_iou(predicted[present], truth[present])
    error = np.linalg.norm(bbox_center(predicted[present]) - bbox_center(truth[present]), axis=1)
    return Score(
        success=(overlap[:, None] > SUCCESS_THRESHOLDS).mean(axis=0),
        precision=(error[:, None] <= PRECISION_THRESHOLDS).mean(axis=0),
    )


def mean_score(scores: list[Score]) -> Score:
    """Mean of the curves, every target counting the same."""
    return Score(
        success=np.mean([one.success for one in scores], axis=0),
        precision=np.mean([one.precision for one in scores], axis=0),
    )
