"""Result files: where they lie, what is in them, and what is wrong with them.

The layout is got10k's. OPE on most datasets has ``<tracker>/<Seq>.txt`` and ``<tracker>/times/<Seq>_time.txt``;
GOT-10k has ``<tracker>/<seq>/<seq>_001.txt`` and ``<seq>_time.txt`` with a column a repetition. The runs of TRE and
SRE are numbered like GOT-10k's repetitions, and each has times of its own, for they differ in length. VOT has GOT-10k's
layout below ``<tracker>/baseline`` for supervised runs and ``<tracker>/unsupervised`` for others.
"""

import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.boxes import Floats
from data.datasets.base import Dataset
from data.datasets.box_files import read_bboxes, upright, write_bboxes
from data.datasets.clip import Clip
from data.datasets.otb_protocol import canonical_name
from data.files import read_json, remove_left_overs, replacing, write_json
from experiments.runtime.lock import holding, make_folder
from experiments.scoring.metrics import Rules
from experiments.scoring.protocols import PROTOCOLS, SUPERVISED, run_truths
from experiments.scoring.record import FILE, Record, differences, read_record
from experiments.scoring.resets import BASELINE, START, UNSUPERVISED, read_resets
from experiments.scoring.toolkit_files import SUFFIXES, read_toolkit_runs, toolkit_sequence

Runs = Mapping[str, Sequence[tuple[Floats, Floats]]]
"""Sequence -> predicted and annotated boxes of each of its runs, both ``(n, 4)``, 0-based."""


FAILURES = "failures.json"
"""In a tracker's folder: why runs failed."""


def benchmark_folder(results_name: str, protocol: str) -> str:
    """Name of the folder of all trackers' results: ``OTB2015``, ``OTB2015-TRE``, ``OTB2015-SRE``."""
    return results_name if protocol in ("ope", SUPERVISED) else f"{results_name}-{protocol.upper()}"


@dataclass(frozen=True)
class ResultFiles:
    """The results of one tracker on one dataset under one protocol.

    Attributes:
        folder: ``<output>/results/OTB2015/<tracker>``, or ``OTB2015-TRE``, ``OTB2015-SRE``; of VOT a folder in it.
        numbered: Each run of a sequence has a number in its file's name.
        shared_times: The runs of a sequence share a file of times, a column each.
        coded: The first row of a file holds VOT's code in place of the box, as in every frame it starts in.
    """

    folder: Path
    numbered: bool = False
    shared_times: bool = False
    coded: bool = False

    @classmethod
    def of(cls, results: Path, dataset: Dataset, protocol: str, tracker: str) -> "ResultFiles":
        """The files of a tracker below ``results`` (``<output>/results``)."""
        folder = results / benchmark_folder(dataset.results_name, protocol) / tracker
        part = BASELINE if protocol == SUPERVISED else UNSUPERVISED
        of_vot = protocol == SUPERVISED or (dataset.name == "vot" and protocol == "ope")
        repeated = of_vot or (dataset.name == "got10k" and protocol == "ope")
        numbered = repeated or protocol != "ope"
        return cls(folder / part if of_vot else folder, numbered, shared_times=repeated, coded=of_vot)

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
        """Whether a run is complete; its boxes are written last."""
        return self.box_file(sequence, number).is_file()

    def write(
        self,
        sequence: str,
        number: int,
        bboxes: Floats,
        seconds: Floats,
        codes: Mapping[int, int] | None = None,
    ) -> None:
        """Write a run's times and boxes (0-based ``(N, 4)``); the boxes appear only when both are complete.

        Frames of ``codes`` get these in place of a box; by default the first frame of a run of VOT does.
        """
        times, boxes = self.time_file(sequence, number), self.box_file(sequence, number)
        times.parent.mkdir(parents=True, exist_ok=True)
        columns = self._beside(times, number, seconds) if self.shared_times else seconds
        with replacing(times) as temporary:
            np.savetxt(temporary, columns, fmt="%.8f", delimiter=",")
        write_bboxes(boxes, bboxes, codes or ({0: START} if self.coded else {}))

    def claim(self, record: Record, *, overwrite: Collection[str] | bool = False) -> None:
        """Take the folder for this run, and remove the partial files of a killed process.

        Args:
            record: The record of the results, see `experiments.scoring.record`.
            overwrite: Remove results first: those of the named sequences, or True for all.

        Raises:
            FileExistsError: The folder holds results that do not belong to this run.
        """
        self._remove(overwrite)
        remove_left_overs(self.folder)
        present = self.present()
        if present:
            record = self._joined(record, present)
        make_folder(self.folder)
        write_json(self.folder / FILE, record)

    def present(self) -> list[str]:
        """Canonical names of the sequences with results."""
        return list(find_runs(self.folder)[0]) if self.folder.is_dir() else []

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; see ``holding``."""
        with holding(self.folder, "another benchmark"):
            yield

    def failures(self) -> dict[str, str]:
        """The errors of failed runs: key of the run -> message."""
        file = self.folder / FAILURES
        return read_json(file) if file.is_file() else {}

    def note(self, key: str, error: str | None) -> None:
        """Store the error of a failed run, or remove it if ``error`` is None."""
        failures = {name: text for name, text in self.failures().items() if name != key}
        if error is not None:
            failures[key] = error
        if failures:
            write_json(self.folder / FAILURES, failures)
        else:
            (self.folder / FAILURES).unlink(missing_ok=True)

    def _remove(self, sequences: Collection[str] | bool) -> None:
        if sequences is True:
            shutil.rmtree(self.folder, ignore_errors=True)
        elif sequences:
            for name in sequences:
                for path in (self.box_file(name), self.time_file(name)):
                    path.unlink(missing_ok=True)
                if self.numbered:
                    shutil.rmtree(self.folder / name, ignore_errors=True)

    def _joined(self, record: Record, present: Sequence[str]) -> Record:
        """Merge a run's record with that of the stored results."""
        hint = "give another --output, or --overwrite to replace them"
        try:
            stored = read_record(self.folder)
        except ValueError as error:
            raise FileExistsError(
                f"{self.folder} holds results that cannot be compared: {error}: {hint}"
            ) from None
        if stored is None:
            raise FileExistsError(f"{self.folder} holds results of unknown origin (no {FILE}): {hint}")
        found = differences(stored, record, present)
        if found:
            raise FileExistsError(
                f"{self.folder} holds results of {' and '.join(found)} (see its {FILE}): {hint}"
            )
        data = record["data"]
        kept = {name: stored["data"]["sequences"][name] for name in present}
        return {**stored, "data": {**data, "sequences": {**data["sequences"], **kept}}}

    def _beside(self, times: Path, number: int, seconds: Floats) -> Floats:
        """The columns of all repetitions so far; NaN for a missing one, as got10k expects."""
        known = np.loadtxt(times, delimiter=",", ndmin=2) if times.is_file() else np.empty((len(seconds), 0))
        columns = np.full((len(seconds), max(number, known.shape[1])), np.nan)
        columns[:, : known.shape[1]] = known
        columns[:, number - 1] = seconds
        return columns


def present_protocols(results: Path, benchmark: str) -> dict[str, Path]:
    """Find the results by protocol, one of `PROTOCOLS` -> folder.

    Raises:
        FileNotFoundError: there are no results.
    """
    if not results.is_dir():
        raise FileNotFoundError(f"results folder does not exist: {results}")
    found = _protocols_in(results, benchmark)
    for above in () if found else results.resolve().parents[:2]:  # the benchmark's own folder was given
        beside = _protocols_in(above, benchmark)
        if results.resolve() in beside.values():
            found = beside
    if not found:
        raise FileNotFoundError(
            f"results folder {results} must hold {benchmark}/TRACKER/SEQUENCE.txt, got no folder {benchmark}"
        )
    return found


def _protocols_in(results: Path, benchmark: str) -> dict[str, Path]:
    outer = benchmark.rpartition("/")[0]  # NfS/30 is a folder in a folder
    places = [path for path in sorted(results.iterdir()) if path.is_dir()]
    places += [
        path for place in places if _plain(place.name) == _plain(outer) for path in sorted(place.iterdir())
    ]
    folders = {_plain(str(path.relative_to(results))): path for path in places if path.is_dir()}
    names = {protocol: _plain(benchmark_folder(benchmark, protocol)) for protocol in PROTOCOLS}
    return {protocol: folders[name] for protocol, name in names.items() if name in folders}


def find_trackers(folder: Path, trackers: Sequence[str] = ()) -> list[Path]:
    """Find the folders of the named trackers, or of all, in a benchmark's folder of results.

    Raises:
        FileNotFoundError: a tracker has no folder, or there is none at all.
    """
    folders = {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()}
    unknown = [name for name in trackers if name not in folders]
    if unknown or not folders:
        raise FileNotFoundError(
            f"no results of {', '.join(unknown) or 'any tracker'} in {folder}: "
            f"there are {', '.join(folders) or 'no folders'}"
        )
    return [folders[name] for name in trackers] if trackers else list(folders.values())


def find_runs(folder: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """A tracker's result files by the canonical name of their sequence, and what is wrong with the names.

    OTB's layout is ``<sequence>.txt``; GOT-10k's, and that of TRE and SRE, ``<sequence>/<sequence>_001.txt``,
    a file for each run. OTB's toolkits have one file for all: ``<sequence>.json``, ``<sequence>_<tracker>.mat``.
    """
    runs: dict[str, list[Path]] = {}
    problems = []
    for path in sorted(folder.glob("[!.]*.txt")):
        taken = runs.setdefault(canonical_name(path.stem), [path])[0]
        if taken != path:
            problems.append(f"{path} is left out: {taken.name} is of the same sequence")
    for path in sorted(folder.glob("*/*_[0-9][0-9][0-9].txt")):
        if path.stem[:-4] == path.parent.name:
            runs.setdefault(canonical_name(path.parent.name), []).append(path)
    for path in sorted(folder.glob("[!.]*")):
        if path.suffix in SUFFIXES and path.name not in (FILE, FAILURES):
            runs.setdefault(canonical_name(toolkit_sequence(path)), [path])
    return runs, problems


def read_runs(
    folder: Path,
    clips: Mapping[str, Clip],
    protocol: str,
    rules: Rules,
    problems: list[str],
) -> Runs:
    """Read every file of a tracker that can be scored, with the ground truth of its frames.

    Args:
        folder: of the tracker.
        clips: sequence -> its ground truth.
        protocol: one of `PROTOCOLS`: how the tracker was run.
        rules: whose rules say which files can be scored.
        problems: gets a line for each file that cannot, and for what is odd with those that can.
    """
    free = folder / UNSUPERVISED  # as VOT has it
    files, odd = find_runs(free if free.is_dir() else folder)
    problems += odd
    runs: dict[str, list[tuple[Floats, Floats]]] = {}
    for name, clip in clips.items():
        paths = files.get(canonical_name(name), [])
        found = []
        try:
            if paths and paths[0].suffix in SUFFIXES:
                runs[name] = read_toolkit_runs(paths[0], clip.bboxes, protocol)
                continue
            expectations = run_truths(clip.bboxes, protocol, len(paths), clip.not_started_in)
            for path, expected in zip(paths, expectations, strict=True):
                bboxes = _read_coded(path, expected) if free in path.parents else read_bboxes(path)
                # A run of TRE with fewer rows may have started later, and each box would meet another frame's.
                may_end_early = rules == "otb" and protocol != "tre"
                problems += filter(None, [check_predicted(bboxes, path, expected, rules, may_end_early)])
                found.append((bboxes, expected[: len(bboxes)]))
        except (OSError, RuntimeError, ValueError) as error:
            problems.append(f"{name} of {folder.name} is left out: {error}")
        else:
            if found:
                runs[name] = found
    return runs


def _read_coded(path: Path, truth: Floats) -> Floats:
    """Upright boxes ``(N, 4)`` of a run of VOT without resets; where it has a code it was given the truth."""
    regions, codes = read_resets(path)
    bboxes = upright(regions)
    started = np.flatnonzero(np.equal(codes, START)[: len(truth)])
    bboxes[started] = truth[started]
    return bboxes


def check_predicted(bboxes: Floats, path: Path, truth: Floats, rules: Rules, may_end_early: bool) -> str:
    """Check that a result file has a valid box for each frame of its sequence.

    Under ``otb`` one may end early: what it has is scored, as was done for the published figures of STRUCK and
    MDNet.

    Args:
        bboxes: its boxes ``(n, 4)``, NaN for invalid ones.
        path: the file.
        truth: the ground truth ``(N, 4)``.
        rules: whose rules to follow.
        may_end_early: whether it may have fewer rows than frames.

    Returns:
        A line about what is odd with boxes that can be scored all the same; empty if nothing is.

    Raises:
        ValueError: it has too few or too many rows; file and line are named.
    """
    rows, frames = len(bboxes), len(truth)
    if rows > frames:
        raise ValueError(f"{path}, line {frames + 1}: {rows} rows for {frames} annotated frames")
    if rows < frames and (not may_end_early or rows == 0):
        raise ValueError(f"{path}, line {rows + 1}: the file ends after {rows} of {frames} frames")
    if rows < frames:
        return f"{path}, line {rows + 1}: ends after {rows} of {frames} frames; those are scored"
    invalid = np.flatnonzero(np.isnan(bboxes[:, 0]))
    if invalid.size:
        carried = rules != "got10k"
        rule = "the last valid box stands in" if carried else "a miss where there is a target"
        return f"{path}, line {invalid[0] + 1}: no valid box, as in {invalid.size} rows; {rule}"
    return ""


def read_times(folder: Path, sequences: Iterable[str], problems: list[str]) -> dict[str, list[Floats]]:
    """Read the seconds of each frame of each run; the first frame of a run is the tracker's start.

    Files are ``times/<sequence>_time.txt``, or GOT-10k's with a column for each repetition.

    Args:
        folder: the tracker's folder.
        sequences: names of the sequences.
        problems: gets a line for each file that cannot be used.
    """
    flat = folder / "times"
    paths = sorted(flat.glob("*_time.txt") if flat.is_dir() else folder.glob("*/*_time.txt"))
    wanted, times = {canonical_name(name): name for name in sequences}, dict[str, list[Floats]]()
    for path in paths:
        name = canonical_name(path.stem.removesuffix("_time") if flat.is_dir() else path.parent.name)
        if name not in wanted:
            continue
        try:
            seconds = _read_seconds(path)
        except (OSError, ValueError) as error:
            problems.append(f"{path} is left out: {error}")
        else:  # NaN: a repetition that failed
            times.setdefault(wanted[name], []).extend(column[np.isfinite(column)] for column in seconds.T)
    return times


def _read_seconds(path: Path) -> Floats:
    text = path.read_text().rstrip()
    seconds = np.empty((0, 0))
    if text:
        with suppress(ValueError):
            seconds = np.loadtxt(text.split("\n"), delimiter="," if "," in text else None, ndmin=2)
    if not np.isfinite(seconds).any():
        raise ValueError("expected a number of seconds a line")
    return seconds


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
