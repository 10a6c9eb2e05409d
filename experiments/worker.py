"""A process of its own that runs trackers, so that one that hangs or crashes takes nothing with it."""

import multiprocessing
import os
import random
import signal
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from data.boxes import Floats
from data.images import read_image
from experiments.contender import Contender
from experiments.follow import follow
from tracker import Tracker


@dataclass(frozen=True)
class Job:
    """One run of one tracker.

    Attributes:
        contender: The tracker.
        label: Name of its result folder.
        sequence: Name of the sequence.
        number: Number of the run on this sequence, from 1.
        paths: Images from the first frame on.
        bbox: Box in the first of them, float64 ``(4,)``, 0-based.
    """

    contender: Contender
    label: str
    sequence: str
    number: int
    paths: tuple[Path, ...]
    bbox: Floats


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        job: The job.
        bboxes: float64 ``(N, 4)``, 0-based; empty after an error.
        seconds: float64 ``(N,)``, the tracker's own time in each frame; empty after an error.
        error: What went wrong, in a line, or None.
        details: The traceback, for ``--debug``.
    """

    job: Job
    bboxes: Floats
    seconds: Floats
    error: str | None = None
    details: str = ""

    @classmethod
    def failed(cls, job: Job, error: str, details: str = "") -> "Outcome":
        """The outcome of a job that did not come to its end."""
        return cls(job, np.empty((0, 4)), np.empty(0), error, details)


class Worker:
    """One process with one thread for tracking; started when it gets its first job, and again after a crash.

    Args:
        timeout: Seconds after which a frame without an answer counts as hanging; None to wait for ever.
            Building the tracker, which may load weights, is not counted.
    """

    def __init__(self, timeout: float | None = None) -> None:
        methods = multiprocessing.get_all_start_methods()
        # A fork of this process would share its threads and its GPU; a fork server has neither.
        self._context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        if "forkserver" in methods:
            self._context.set_forkserver_preload([__name__])
        self._timeout = timeout
        self._process: Any = None
        self.job: Job | None = None
        self.frames_done = 0

    @property
    def connection(self) -> Connection:
        """What to wait for while a job is under way: readable when there is something to `collect`."""
        return self._connection

    def start(self, job: Job) -> None:
        """Hand out a job; there must be none under way."""
        assert self.job is None
        if self._process is None:
            self._connection, theirs = self._context.Pipe()
            self._frames = self._context.RawValue("q", 0)  # frames answered; -1 while the tracker is built
            self._process = self._context.Process(target=_serve, args=(theirs, self._frames), daemon=True)
            self._process.start()
            theirs.close()
        self.job, self.frames_done, self._frames.value = job, 0, -1
        self._last_change = time.monotonic()
        self._connection.send(job)

    def collect(self) -> Outcome | None:
        """The outcome of the job under way if it has ended by now, be it by a crash or a frame too long."""
        job = self.job
        assert job is not None
        if self._connection.poll():
            return self._finish(job)
        frames = self._frames.value
        if frames < 0 or frames != self.frames_done:
            self.frames_done, self._last_change = max(frames, 0), time.monotonic()
        elif self._timeout is not None and time.monotonic() - self._last_change > self._timeout:
            outcome = Outcome.failed(job, f"no answer within {self._timeout:g} s in frame {frames}")
            self.close()
            return outcome
        return None

    def _finish(self, job: Job) -> Outcome:
        try:
            outcome = self._connection.recv()
            self.job = None
        except (EOFError, ConnectionError):
            self._process.join()
            code = self._process.exitcode
            reason = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
            outcome = Outcome.failed(
                job, f"the process crashed ({reason}) in frame {max(self._frames.value, 0)}"
            )
            self.close()
        return outcome

    def run(self, job: Job) -> Outcome:
        """Do a job and wait for its outcome."""
        self.start(job)
        while (outcome := self.collect()) is None:
            multiprocessing.connection.wait([self._connection], POLL_SECONDS)
        return outcome

    def close(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
        self._process = self.job = None


POLL_SECONDS = 0.1
"""How often progress and time-outs are looked at."""


def _serve(connection: Connection, frames: Any) -> None:
    """Do jobs until the other end of the connection is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that hands out the jobs
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
    bboxes, seconds = [], []
    try:
        # Taken out while in use: one that raised may be in any state.
        tracker = trackers.pop(job.contender, None) or job.contender.build()
        _seed(job.number)
        frames.value = 0
        for step in follow(tracker, map(read_image, job.paths), job.bbox):
            bboxes.append(_checked(step.output.bbox))
            seconds.append(step.seconds)
            frames.value += 1
            if connection.poll():  # nothing is sent during a job: whoever wanted the outcome is gone
                os._exit(1)
        trackers[job.contender] = tracker
    except Exception as error:  # whatever a tracker raises is this run's failure and no other's
        reason = f"{type(error).__name__}: {error} (frame {len(bboxes)})"
        return Outcome.failed(job, " ".join(reason.split()), traceback.format_exc())
    return Outcome(job, np.array(bboxes), np.array(seconds))


def _checked(bbox: Floats) -> Floats:
    box = np.asarray(bbox, np.float64)
    if box.shape != (4,) or not np.isfinite(box).all():
        raise ValueError(f"the tracker returned bbox {box.tolist()}, expected 4 finite numbers (x, y, w, h)")
    return box


def _seed(number: int) -> None:
    """Make the random numbers of a run depend on nothing but its number."""
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002  (trackers of others draw from the global generator)
    torch.manual_seed(number)
    cv2.setRNGSeed(number)
