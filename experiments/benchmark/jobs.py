"""What goes to a process that tracks, and what comes back."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.boxes import Floats

if TYPE_CHECKING:
    from experiments.trackers.by_name import Contender


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

    contender: "Contender"
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
