"""The speed of a tracker."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Timing:
    """Speed of a tracker, without frame 0 (``init``) of each run unless it says otherwise.

    Attributes:
        fps: frames over the sum of their times.
        mean_fps: mean over runs of each one's ``fps``: what papers on OTB and its heirs call their average speed.
        hz: mean of 1 / time over all frames, those of ``init`` too, as got10k has it; never less than all frames'
            number over their time.
        median_ms: median time of a frame in milliseconds.
        p95_ms: 95th percentile of the time of a frame in milliseconds.
    """

    fps: float
    median_ms: float
    p95_ms: float
    mean_fps: float
    hz: float

    @classmethod
    def of(cls, *runs: ArrayLike) -> "Timing":
        """Compute the timing of runs from the seconds of their frames; NaN if no run has two frames."""
        times = [np.asarray(seconds, dtype=np.float64) for seconds in runs]
        tracked = [seconds[1:] for seconds in times if len(seconds) > 1]
        if not tracked:
            return cls(*[float("nan")] * 5)
        updates, frames = np.concatenate(tracked), np.concatenate(times)
        median, p95 = np.percentile(updates * 1e3, [50, 95])
        mean_fps = np.mean([len(seconds) / seconds.sum() for seconds in tracked])
        hz = np.mean(1 / frames[frames > 0])
        return cls(updates.size / updates.sum(), float(median), float(p95), float(mean_fps), float(hz))
