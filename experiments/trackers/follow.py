"""The one loop that drives a tracker through frames, and times it honestly."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

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
        code: of VOT's supervised runs, what stands in place of a box: started, lost or not tracked.
    """

    frame: int
    image: Image
    output: TrackOutput
    seconds: float
    code: int | None = None


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
