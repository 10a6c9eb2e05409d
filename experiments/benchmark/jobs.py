"""The jobs of the worker processes, and their outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
        label: Name of the tracker's result folder.
        sequence: Name of the sequence.
        number: Number of the run on the sequence, from 1.
        paths: Images from the first frame on.
        bbox: Box in the first frame, float64 ``(4,)``, 0-based.
        regions: Ground truth of a supervised run, boxes ``(N, 4)`` or corners ``(N, 8)``; None for any other.
    """

    contender: "Contender"
    label: str
    sequence: str
    number: int
    paths: tuple[Path, ...]
    bbox: Floats
    regions: Floats | None = None


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job.

    Attributes:
        job: The job.
        bboxes: float64 ``(N, 4)``, 0-based; empty after an error.
        seconds: float64 ``(N,)``, the tracker's own time in each frame; empty after an error.
        error: The error in a line, or None.
        details: The traceback, for ``--debug``.
        codes: Frame of a supervised run -> VOT's code in place of a box.
    """

    job: Job
    bboxes: Floats
    seconds: Floats
    error: str | None = None
    details: str = ""
    codes: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def failed(cls, job: Job, error: str, details: str = "") -> "Outcome":
        """The outcome of a job that failed."""
        return cls(job, np.empty((0, 4)), np.empty(0), error, details)
