"""The loops that drive trackers through frames, one target or many, and time them honestly."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from data.boxes import Floats, Image, check_bbox, check_bbox_in_frame
from data.track_result import TrackResult
from tracker import MultiTracker, Tracker, TrackOutput


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
        _wait_for_gpu()
        yield Step(index, image, output, time.perf_counter() - start)


@dataclass(frozen=True)
class GivenBox:
    """A box that somebody drew: the target starts there, or goes on from there.

    Attributes:
        target: its id.
        frame: number of the frame, from 0.
        bbox: float64 ``(4,)``, ``(x, y, w, h)``, 0-based pixels.
    """

    target: str
    frame: int
    bbox: Floats


@dataclass(frozen=True)
class TrackedFrame:
    """What several trackers say of several targets in one frame.

    Attributes:
        frame: number of the frame, from 0.
        image: the frame, uint8 ``(H, W, 3)`` RGB.
        outputs: name of a track -> the tracker's answer; where a box was drawn that box, with the score NaN.
        seconds: name of a track -> its share of the time that its tracker took for all targets, decoding left out.
    """

    frame: int
    image: Image
    outputs: Mapping[str, TrackOutput]
    seconds: Mapping[str, float]


def follow_targets(
    trackers: Mapping[str, MultiTracker],
    frames: Iterable[tuple[int, Image]],
    given: Sequence[GivenBox],
    names: Mapping[tuple[str, str], str],
    *,
    forget: bool = False,
) -> Iterator[TrackedFrame]:
    """Let every tracker follow every target from where its first box was drawn, and yield every frame's scene.

    Args:
        trackers: by name; the targets that they have are dropped.
        frames: numbers and images in the order of tracking, which may be backwards.
        given: the boxes that were drawn.
        names: (target, tracker) -> name of that track.
        forget: where a later box is drawn, start anew instead of keeping what was learned.

    Raises:
        ValueError: a box cannot be tracked in frames of this size; raised before the first scene.
    """
    for tracker in trackers.values():
        tracker.targets.clear()
    checked = False
    for frame, image in frames:
        for one in given if not checked else ():
            check_bbox_in_frame(one.bbox, (image.shape[1], image.shape[0]))
        checked = True
        outputs, seconds = {}, {}
        for name, tracker in trackers.items():
            start = time.perf_counter()
            tracker.update(image)
            for one in given:
                if one.frame == frame and one.target in tracker.targets:
                    tracker.correct(image, one.bbox, one.target, forget=forget)
                elif one.frame == frame:
                    tracker.add(image, one.bbox, one.target)
            _wait_for_gpu()
            share = (time.perf_counter() - start) / max(len(tracker.targets), 1)
            for target, followed in tracker.targets.items():
                outputs[names[target, name]], seconds[names[target, name]] = followed.output, share
        yield TrackedFrame(frame, image, outputs, seconds)


def _wait_for_gpu() -> None:
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()  # the GPU may still be learning when update returns


def track_result(
    name: str, outputs: Mapping[int, TrackOutput], image_names: Sequence[str] | None, **video: Any
) -> TrackResult:
    """The result of a track by the outputs in its frames.

    Args:
        name: of the track.
        outputs: number of a frame -> the tracker's answer, at least one.
        image_names: of all frames of the video; or None.
        video: further attributes of `TrackResult`.
    """
    frames = sorted(outputs)
    rows = [outputs[frame] for frame in frames]
    return TrackResult(
        name,
        np.array(frames),
        np.array([row.bbox for row in rows]),
        np.array([row.score for row in rows]),
        np.array([row.lost for row in rows]),
        image_names=None if image_names is None else tuple(image_names[frame] for frame in frames),
        **video,
    )
