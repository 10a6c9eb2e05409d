"""Several targets in one video: their crops go through the networks together, all else stays each target's own."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
from numpy.typing import ArrayLike

from data.boxes import Floats, check_bbox
from data.crop import SearchRegion, crop
from tracker.base import Image, Tracker, TrackOutput, check_image
from tracker.by_name import load_tracker
from tracker.correlation import CorrelationFilterTracker, decide_together
from tracker.features import to_tensor
from tracker.motion import CameraMotion
from tracker.network.box_head import BoxMap, Template
from tracker.threads import torch_threads

CROPS = 4
"""Crops that go through the networks at once on a CPU: more no longer fit a core's caches, and take longer each."""


@dataclass
class TrackedTarget:
    """One of several targets.

    Attributes:
        tracker: what follows it.
        output: of the last frame; in the frame in which its box was given that box, with the score NaN.
    """

    tracker: Tracker
    output: TrackOutput


class MultiTracker:
    """Follows any number of targets, each as a tracker of its own would: to a rounding error the same boxes.

    Trackers of correlation filters share backbone and box head, which see the crops of several targets at once; with
    more threads than one (``load_tracker(…, threads=2)``) as many such groups are followed at a time. Others are simply
    run one after another.

    Args:
        tracker: registered name (`list_trackers`), or what builds a tracker.

    Attributes:
        targets: id -> target, in the order in which they came.
    """

    def __init__(self, tracker: str | Callable[[], Tracker] = "fast") -> None:
        self._load = partial(load_tracker, tracker) if isinstance(tracker, str) else tracker
        self._first: Tracker | None = self._load()
        self._camera = CameraMotion()
        self.targets: dict[str, TrackedTarget] = {}

    def init(self, image: Image, bboxes: Mapping[str, ArrayLike] | Sequence[ArrayLike]) -> None:
        """Start on these targets, forgetting all that there were.

        Args:
            image: uint8 ``(H, W, 3)`` RGB.
            bboxes: ``(x, y, w, h)`` of each, 0-based pixels, by the targets' ids; without ids they are 1, 2 …

        Raises:
            ValueError: the image is not of that form, or a box cannot be tracked in it; all is as it was then.
        """
        named = bboxes if isinstance(bboxes, Mapping) else {str(i): one for i, one in enumerate(bboxes, 1)}
        self.targets = {target: self._start(image, bbox) for target, bbox in named.items()}

    def add(self, image: Image, bbox: ArrayLike, target: str) -> None:
        """Follow one more target, from this frame on.

        Args:
            image: uint8 ``(H, W, 3)`` RGB, the frame that was tracked into last.
            bbox: ``(x, y, w, h)``, 0-based pixels.
            target: its id.

        Raises:
            ValueError: there is such a target already, or the box cannot be tracked.
        """
        if target in self.targets:
            raise ValueError(f"there is a target {target!r} already: remove it first, or correct its box")
        self.targets[target] = self._start(image, bbox)

    def remove(self, target: str) -> None:
        """Follow that target no longer; raises ``ValueError`` where there is none."""
        self._target(target)
        del self.targets[target]

    def correct(self, image: Image, bbox: ArrayLike, target: str, *, forget: bool = False) -> None:
        """Go on from another box; what was learned of the target is kept where its tracker can.

        Args:
            image: uint8 ``(H, W, 3)`` RGB, the frame that was tracked into last.
            bbox: ``(x, y, w, h)``, 0-based pixels.
            target: its id.
            forget: start anew instead.

        Raises:
            ValueError: there is no such target, or the box cannot be tracked.
        """
        tracker = self._target(target).tracker
        if isinstance(tracker, CorrelationFilterTracker) and not forget:
            tracker.correct(image, bbox)
        else:
            tracker.init(image, bbox)
        self._camera.start(image)
        self.targets[target].output = _given(bbox)

    def update(self, image: Image) -> dict[str, TrackOutput]:
        """Find every target in the next frame and learn from it.

        Args:
            image: uint8 ``(H, W, 3)`` RGB.

        Returns:
            Id -> what its tracker says; empty without a target.
        """
        check_image(image)
        targets = list(self.targets.values())
        ours = [one.tracker for one in targets if isinstance(one.tracker, CorrelationFilterTracker)]
        moved = self._camera.shift(image) if any(one.predicts for one in ours) else np.zeros(2)
        outputs = iter(_update_together(ours, image, moved)) if ours else iter(())
        for one in targets:
            is_ours = isinstance(one.tracker, CorrelationFilterTracker)
            one.output = next(outputs) if is_ours else one.tracker.update(image)
        return {target: one.output for target, one in self.targets.items()}

    def _start(self, image: Image, bbox: ArrayLike) -> TrackedTarget:
        tracker = self._new()
        tracker.init(image, bbox)
        self._camera.start(image)
        return TrackedTarget(tracker, _given(bbox))

    def _new(self) -> Tracker:
        """A tracker without a target, of the networks that are loaded already where it has any."""
        if isinstance(self._first, CorrelationFilterTracker):
            return self._first.twin()
        tracker, self._first = self._first or self._load(), None
        return tracker

    def _target(self, target: str) -> TrackedTarget:
        if target not in self.targets:
            raise ValueError(f"there is no target {target!r}: there are {', '.join(self.targets) or 'none'}")
        return self.targets[target]


def _given(bbox: ArrayLike) -> TrackOutput:
    return TrackOutput(bbox=check_bbox(bbox), score=float("nan"))


def _update_together(
    trackers: Sequence[CorrelationFilterTracker], image: Image, moved: Floats
) -> list[TrackOutput]:
    """``update`` of trackers that share their networks."""
    at_once = CROPS if trackers[0].device.type == "cpu" else len(trackers)
    groups = [trackers[first : first + at_once] for first in range(0, len(trackers), at_once)]
    update = partial(_update_group, image=image, moved=moved)
    threads = trackers[0].threads
    if min(threads, len(groups)) < 2:
        with torch_threads(threads):
            return [output for group in groups for output in update(group)]
    with torch_threads(1):
        return [output for outputs in _pool(threads, os.getpid()).map(update, groups) for output in outputs]


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """One for all trackers and frames of a process; a fork of it has none of its threads."""
    return ThreadPoolExecutor(threads)


@torch.inference_mode()
def _update_group(
    trackers: Sequence[CorrelationFilterTracker], image: Image, moved: Floats
) -> list[TrackOutput]:
    regions = [tracker.search_region(image, moved) for tracker in trackers]
    seen = _look(trackers[0], image, regions)
    return decide_together(trackers, image, regions, seen, _ask_box_head(trackers, seen))


def _look(tracker: CorrelationFilterTracker, image: Image, regions: Sequence[SearchRegion]) -> torch.Tensor:
    crops = [crop(image, region) for region in regions]
    return tracker.extractor.backbone(to_tensor(crops, tracker.device))


def _ask_box_head(trackers: Sequence[CorrelationFilterTracker], seen: torch.Tensor) -> BoxMap | None:
    boxes = [tracker.box for tracker in trackers if tracker.box is not None]
    if not boxes:
        return None
    kept = zip(*(box.template for box in boxes), strict=True)
    return boxes[0].head(Template(*(torch.cat(each) for each in kept)), seen)
