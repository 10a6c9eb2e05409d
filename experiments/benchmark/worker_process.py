"""The worker's process: it builds trackers, runs them on sequences and sends the outcomes back."""

import os
import random
import traceback
from multiprocessing.connection import Connection
from typing import Any

import cv2
import numpy as np
import torch

from data.boxes import Floats
from data.images import read_images
from experiments.benchmark.jobs import Job, Outcome
from experiments.benchmark.supervised import follow_supervised
from experiments.scoring.resets import SKIPPED
from experiments.trackers.by_name import Contender
from experiments.trackers.follow import follow
from tracker import Tracker


def serve(connection: Connection, frames: Any) -> None:
    """Do jobs until the other end of the connection is closed.

    Args:
        connection: Gives `Job`s, takes `Outcome`s.
        frames: Shared number of frames answered in the current job; -1 until the tracker is built.
    """
    # Workers share the cores among them, and a sum over threads depends on how many there are.
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    trackers: dict[Contender, Tracker] = {}
    while True:
        try:
            job = connection.recv()
            outcome = _run(job, trackers, connection, frames)
            connection.send(outcome)
        except (EOFError, ConnectionError):
            return


def _run(job: Job, trackers: dict[Contender, Tracker], connection: Connection, frames: Any) -> Outcome:
    bboxes, seconds, codes = [], [], dict[int, int]()
    try:
        # Taken out while in use: one that raised may be in any state.
        tracker = trackers.pop(job.contender, None) or job.contender.build()
        _seed(job.number)
        frames.value = 0
        images = read_images(job.paths)
        if job.regions is None:
            steps = follow(tracker, images, job.bbox)
        else:
            steps = follow_supervised(tracker, images, job.regions)
        for step in steps:
            bboxes.append(step.output.bbox if step.code == SKIPPED else _checked(step.output.bbox))
            seconds.append(step.seconds)
            if step.code is not None:
                codes[step.frame] = step.code
            frames.value += 1
            if connection.poll():  # nothing is sent during a job: whoever wanted the outcome is gone
                os._exit(1)
        trackers[job.contender] = tracker
    except BaseException as error:  # whatever a tracker raises is this run's failure and no other's
        reason = f"{type(error).__name__}: {error} (frame {len(bboxes)})"
        return Outcome.failed(job, " ".join(reason.split()), traceback.format_exc())
    return Outcome(job, np.array(bboxes), np.array(seconds), codes=codes)


def _checked(bbox: Floats) -> Floats:
    box = np.asarray(bbox, np.float64)
    if box.shape != (4,) or not np.isfinite(box).all():
        raise ValueError(f"the tracker returned bbox {box.tolist()}, expected 4 finite numbers (x, y, w, h)")
    return box


def _seed(number: int) -> None:
    """Make the random numbers of a run depend on its number alone."""
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002  (trackers of others draw from the global generator)
    torch.manual_seed(number)
    cv2.setRNGSeed(number)
