"""The files of a benchmark, in got10k's layout: boxes, times, what went wrong, and whose results they are.

OPE on most datasets writes ``<tracker>/<Seq>.txt`` and ``<tracker>/times/<Seq>_time.txt``; GOT-10k
``<tracker>/<seq>/<seq>_001.txt`` and ``<seq>_time.txt`` with a column a repetition. The runs of TRE and SRE
are numbered like GOT-10k's repetitions, each with times of its own, for they differ in length.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from data.boxes import Floats
from data.datasets.base import Dataset
from data.datasets.box_files import read_bboxes, write_bboxes
from data.files import replacing, write_json


@dataclass(frozen=True)
class ResultFiles:
    """The results of one tracker on one dataset under one protocol.

    Attributes:
        folder: ``<output>/results/OTB2015/<tracker>``, or ``OTB2015-TRE``, ``OTB2015-SRE``.
        numbered: Each run of a sequence has a number in its file's name.
        shared_times: The runs of a sequence share a file of times, a column each.
    """

    folder: Path
    numbered: bool = False
    shared_times: bool = False

    @classmethod
    def of(cls, results: Path, dataset: Dataset, protocol: str, tracker: str) -> "ResultFiles":
        """The files of a tracker below ``results`` (``<output>/results``)."""
        if protocol != "ope":
            return cls(results / f"{dataset.results_name}-{protocol.upper()}" / tracker, numbered=True)
        repeated = dataset.name == "got10k"
        return cls(results / dataset.results_name / tracker, numbered=repeated, shared_times=repeated)

    def key(self, sequence: str, number: int) -> str:
        """Name of a run in messages and file names."""
        return f"{sequence}_{number:03d}" if self.numbered else sequence

    def box_file(self, sequence: str, number: int = 1) -> Path:
        """File of a run's boxes."""
        parent = self.folder / sequence if self.numbered else self.folder
        return parent / f"{self.key(sequence, number)}.txt"

    def time_file(self, sequence: str, number: int = 1) -> Path:
        """File of a run's times."""
        parent = self.folder / sequence if self.numbered else self.folder / "times"
        name = sequence if self.shared_times else self.key(sequence, number)
        return parent / f"{name}_time.txt"

    def is_done(self, sequence: str, number: int = 1) -> bool:
        """Tell whether a run is complete: its boxes are written last."""
        return self.box_file(sequence, number).is_file()

    def write(self, sequence: str, number: int, bboxes: Floats, seconds: Floats) -> None:
        """Write a run's times and boxes (0-based ``(N, 4)``); the boxes appear only when both are complete."""
        times, boxes = self.time_file(sequence, number), self.box_file(sequence, number)
        times.parent.mkdir(parents=True, exist_ok=True)
        columns = self._beside(times, number, seconds) if self.shared_times else seconds
        with replacing(times) as temporary:
            np.savetxt(temporary, columns, fmt="%.8f", delimiter=",")
        write_bboxes(boxes, bboxes)

    def read_bboxes(self, sequence: str, number: int = 1) -> Floats:
        """Boxes of a run, float64 ``(N, 4)``, 0-based."""
        return read_bboxes(self.box_file(sequence, number))

    def read_seconds(self, sequence: str, number: int = 1) -> Floats:
        """Seconds of each frame of a run, float64 ``(N,)``; the first is the start of the tracker."""
        table = np.loadtxt(self.time_file(sequence, number), delimiter=",", ndmin=2)
        return table[:, number - 1 if self.shared_times else 0]

    def claim(self, identity: dict[str, Any], record: dict[str, Any], *, overwrite: bool) -> None:
        """Make the folder this tracker's, and clear what a killed process left half-written.

        Args:
            identity: What decides the boxes: tracker, resolved config, SHA-256 of the weights.
            record: The rest of ``run.json``: versions, device and so on.
            overwrite: Remove results that are somebody else's instead of refusing.

        Raises:
            FileExistsError: The folder holds results of another tracker, config or weights file.
        """
        if overwrite and self.folder.exists():
            shutil.rmtree(self.folder)
        about = self.folder / "run.json"
        if self.folder.exists() and next(self.folder.rglob("*.txt"), None) is not None:
            self._check_identity(about, identity)
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.rglob(".*.partial*"):
            left.unlink()
        write_json(about, identity | record)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process, so that no other benchmark writes into it meanwhile.

        The system gives the lock back when the process ends, however it ends: none is ever left behind.

        Raises:
            RuntimeError: Another process holds it.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder.with_name(f".{self.folder.name}.lock"), timeout=0):
                yield
        except Timeout:
            raise RuntimeError(
                f"another benchmark is writing into {self.folder}: wait for it, or give another --output"
            ) from None

    def failures(self) -> dict[str, str]:
        """What went wrong, by run."""
        file = self.folder / "failures.json"
        return json.loads(file.read_text("utf-8")) if file.is_file() else {}

    def note(self, key: str, error: str | None) -> None:
        """Record why a run failed, or by None that it succeeded after all."""
        failures = {name: text for name, text in self.failures().items() if name != key}
        if error is not None:
            failures[key] = error
        if failures:
            write_json(self.folder / "failures.json", failures)
        else:
            (self.folder / "failures.json").unlink(missing_ok=True)

    def _check_identity(self, about: Path, identity: dict[str, Any]) -> None:
        if not about.is_file():
            raise FileExistsError(
                f"{self.folder} holds results of unknown origin (no run.json): give another --output, or "
                "--overwrite to replace them"
            )
        stored = json.loads(about.read_text("utf-8"))
        differing = [key for key in identity if stored.get(key) != identity[key]]
        if differing:
            raise FileExistsError(
                f"{self.folder} holds results of another {' and '.join(differing)} (see its run.json): give "
                "another --output, or --overwrite to replace them"
            )

    def _beside(self, times: Path, number: int, seconds: Floats) -> Floats:
        """The columns of all repetitions so far, NaN for those that are not there (as got10k expects)."""
        known = np.loadtxt(times, delimiter=",", ndmin=2) if times.is_file() else np.empty((len(seconds), 0))
        columns = np.full((len(seconds), max(number, known.shape[1])), np.nan)
        columns[:, : known.shape[1]] = known
        columns[:, number - 1] = seconds
        return columns
