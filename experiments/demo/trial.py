"""Several trackers through the same frames, and what came out of it for each."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import tee

import numpy as np
from numpy.typing import ArrayLike

from data.boxes import Floats, Image, bbox_iou
from experiments.scoring.metrics import Score, score
from experiments.scoring.timing import Timing
from experiments.trackers.follow import Step, follow
from tracker import Tracker


def side_by_side(
    trackers: Mapping[str, Tracker], frames: Iterable[Image], bbox: ArrayLike
) -> Iterator[dict[str, Step]]:
    """Drive all ``trackers`` through ``frames`` from the same ``bbox``; yield their steps frame by frame.

    They take turns in each frame, so that no more than one frame is kept and none runs on a busier machine
    than another; each has its own time.
    """
    copies = tee(frames, len(trackers))
    walks = [follow(tracker, copy, bbox) for tracker, copy in zip(trackers.values(), copies, strict=True)]
    for steps in zip(*walks, strict=True):
        yield dict(zip(trackers, steps, strict=True))


@dataclass(frozen=True)
class Trial:
    """One tracker in one sequence.

    Attributes:
        truth: ground truth ``(N, 4)``, 0-based; NaN where the target is absent.
        bboxes: the tracker's boxes, one a frame so far, 0-based; ``N`` when it is over.
        seconds: its time for each frame.
    """

    truth: Floats
    bboxes: list[Floats] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, step: Step) -> None:
        """Append a frame."""
        self.bboxes.append(step.output.bbox)
        self.seconds.append(step.seconds)

    @property
    def score(self) -> Score:
        """Its curves."""
        return score(self.bboxes, self.truth)

    @property
    def timing(self) -> Timing:
        """Its speed."""
        return Timing.of(self.seconds)

    @property
    def first_miss(self) -> int | None:
        """The first frame in which its box does not touch the target at all; None where there is none."""
        misses = np.flatnonzero(bbox_iou(self.bboxes, self.truth) == 0)  # NaN, absent, is no miss
        return int(misses[0]) if misses.size else None
