"""VOT's supervised run: a tracker that has lost its target is started anew five frames later."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from data.boxes import Floats, Image
from data.datasets.box_files import upright
from data.polygons import polygon_iou
from experiments.scoring.resets import FAILURE, SKIPPED, START
from experiments.trackers.follow import Step, follow
from tracker import Tracker, TrackOutput

SKIP = 5
"""Frames from a failure to the next start (Kristan et al., TPAMI 2016)."""


def follow_supervised(tracker: Tracker, images: Iterable[Image], regions: Floats) -> Iterator[Step]:
    """Follow a target as VOT's toolkit has it followed, and yield every frame's step.

    The target is lost in the first frame whose box does not overlap the ground truth inside the frame. The tracker
    starts anew with the true box `SKIP` frames later, or in the first frame after that in which there is a target.

    Args:
        tracker: what follows.
        images: the frames.
        regions: ground truth, boxes ``(N, 4)`` or corners ``(N, 8)``, 0-based, NaN where the target is absent.
    """
    source, bboxes = iter(images), upright(regions)
    frame = due = 0
    while frame < len(bboxes):
        if frame < due or np.isnan(bboxes[frame, 0]):
            yield Step(frame, next(source), TrackOutput(np.full(4, np.nan), np.nan), np.nan, SKIPPED)
            frame += 1
            continue
        start = frame
        for step in follow(tracker, source, bboxes[start]):
            frame = start + step.frame
            lost = step.frame > 0 and _is_lost(step, regions[frame])
            yield replace(step, frame=frame, code=FAILURE if lost else None if step.frame else START)
            if lost:
                due = frame + SKIP
                break
        frame += 1


def _is_lost(step: Step, region: Floats) -> bool:
    height, width = step.image.shape[:2]
    overlap = polygon_iou(step.output.bbox[None], region[None], (width, height))[0]
    return bool(overlap <= 0)
