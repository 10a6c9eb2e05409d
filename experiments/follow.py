"""The one loop that drives a tracker through frames, and times it honestly."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike

from data.boxes import Image, check_bbox
from tracker import Tracker, TrackOutput


@dataclass(frozen=True)
class Step:
    """What happened in one frame.

    Attributes:
        frame: index of the frame, from 0.
        image: the frame, uint8 ``(H, W, 3)`` RGB.
        output: the tracker's answer; in frame 0 the box it was given.
        seconds: the tracker's own time, decoding left out.
    """

    frame: int
    image: Image
    output: TrackOutput
    seconds: float


def follow(tracker: Tracker, frames: Iterable[Image], bbox: ArrayLike) -> Iterator[Step]:
    """Start ``tracker`` on ``bbox`` in the first of ``frames`` and yield every frame's step."""
    for index, image in enumerate(frames):
        start = time.perf_counter()
        if index == 0:
            tracker.init(image, bbox)
            output = TrackOutput(bbox=check_bbox(bbox), score=float("nan"))
        else:
            output = tracker.update(image)
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()  # the GPU may still be learning when update returns
        yield Step(index, image, output, time.perf_counter() - start)


@dataclass(frozen=True)
class Timing:
    """Speed of a tracker, frame 0 (``init``) left out.

    Attributes:
        fps: frames over the sum of their times.
        median_ms: median time of a frame in milliseconds.
        p95_ms: 95th percentile of the time of a frame in milliseconds.
    """

    fps: float
    median_ms: float
    p95_ms: float

    @classmethod
    def of(cls, seconds: ArrayLike) -> "Timing":
        """The timing of a run from the seconds of each of its frames; NaN for a run of one frame."""
        updates = np.asarray(seconds, dtype=np.float64)[1:]
        if not updates.size:
            return cls(*[float("nan")] * 3)
        median, p95 = np.percentile(updates * 1e3, [50, 95])
        return cls(updates.size / updates.sum(), float(median), float(p95))
