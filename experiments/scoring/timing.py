"""The speed of a tracker."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Timing:
    """Speed of a tracker, without frame 0 (``init``) of each run.

    Attributes:
        fps: frames over the sum of their times.
        median_ms: median time of a frame in milliseconds.
        p95_ms: 95th percentile of the time of a frame in milliseconds.
    """

    fps: float
    median_ms: float
    p95_ms: float

    @classmethod
    def of(cls, *runs: ArrayLike) -> "Timing":
        """Compute the timing of runs from the seconds of their frames; NaN if no run has two frames."""
        updates = np.concatenate([np.asarray(seconds, dtype=np.float64)[1:] for seconds in runs])
        if not updates.size:
            return cls(*[float("nan")] * 3)
        median, p95 = np.percentile(updates * 1e3, [50, 95])
        return cls(updates.size / updates.sum(), float(median), float(p95))
