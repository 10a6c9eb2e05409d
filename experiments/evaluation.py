"""From result files to scores: which files there are, what is wrong with them, and what they are worth."""

import math
import os
import re
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from data.boxes import Floats
from data.datasets import canonical_name
from data.number_table import parse_table
from data.sequences import read_bboxes
from experiments.annotations import Annotation, Annotations
from experiments.metrics import Protocol, Score, mean_score, score
from experiments.timing import Timing

METRICS = ("success_auc", "precision_20", "normalised_precision_20", "ao", "sr_50", "sr_75")
"""Attributes of a `Score` that reports list."""

_FILES_FOR_A_POOL = 400  # with fewer, starting processes takes longer than it saves


@dataclass(frozen=True)
class TrackerResult:
    """What one tracker did on a benchmark.

    Attributes:
        name: name of its folder.
        scores: sequence -> score; a sequence that has no usable file is not in it.
        problems: a line for each file that is missing rows, cannot be read, or holds invalid boxes.
        timing: its speed, where there are time files.
    """

    name: str
    scores: dict[str, Score]
    problems: tuple[str, ...] = ()
    timing: Timing | None = None


@dataclass(frozen=True)
class Evaluation:
    """The scores of several trackers on one benchmark.

    Attributes:
        protocol: whose rules were followed.
        by_frames: whether every frame counts the same in a mean, not every sequence.
        attributes: sequence -> its challenges, in the benchmark's order; its keys are all sequences.
        results: the trackers', in the order they were asked for.
        problems: a line for each thing that is missing or was left out.
    """

    protocol: Protocol
    by_frames: bool
    attributes: dict[str, tuple[str, ...]]
    results: tuple[TrackerResult, ...]
    problems: tuple[str, ...] = field(default=())

    def with_attribute(self, attribute: str | None) -> list[str]:
        """Names of the sequences that have ``attribute``; None for all."""
        return [name for name, held in self.attributes.items() if attribute is None or attribute in held]

    def means(self, attribute: str | None = None) -> dict[str, Score]:
        """Tracker -> mean over its scored sequences that have ``attribute``; without those that have none."""
        chosen = self.with_attribute(attribute)
        scores = {one.name: [one.scores[n] for n in chosen if n in one.scores] for one in self.results}
        return {name: mean_score(found, self.by_frames) for name, found in scores.items() if found}

    def table(self, metric: str) -> Floats:
        """Values ``(trackers, sequences)`` of one of `METRICS`; NaN where there is none."""
        missing = float("nan")
        rows = [
            [getattr(one.scores[name], metric) if name in one.scores else missing for name in self.attributes]
            for one in self.results
        ]
        return np.array(rows, dtype=np.float64).reshape(len(self.results), len(self.attributes))

    def weights(self) -> Floats | None:
        """What each sequence counts in a mean: its frames, or None for all the same."""
        if not self.by_frames:
            return None
        frames = self.table("frames")
        return np.where(np.isfinite(frames), frames, 0)


def evaluate(
    results: Path, annotations: Annotations, trackers: Sequence[str] = (), protocol: Protocol = "otb"
) -> Evaluation:
    """Score every tracker's files below ``results``.

    Args:
        results: folder that holds ``<benchmark>/<tracker>/<sequence>.txt``.
        annotations: the ground truth.
        trackers: names of the trackers' folders; empty for all.
        protocol: whose rules to follow.

    Raises:
        FileNotFoundError: there is no such folder, or no such tracker in it.
    """
    folders = find_trackers(results, annotations.results_name, trackers)
    gives_average_overlap = _plain(annotations.results_name) == "got10k"
    sequences = tuple(annotations.sequences.values())
    work = partial(
        evaluate_tracker, annotations=sequences, protocol=protocol, clip_to_frame=gives_average_overlap
    )
    processes = min(len(folders), os.cpu_count() or 1)
    if processes > 1 and len(folders) * len(sequences) >= _FILES_FOR_A_POOL:
        with ProcessPoolExecutor(processes) as pool:
            # A chunk each: the ground truth is sent along with every chunk.
            found = tuple(pool.map(work, folders, chunksize=math.ceil(len(folders) / processes)))
    else:
        found = tuple(map(work, folders))
    return Evaluation(
        protocol,
        gives_average_overlap,
        {one.name: one.attributes for one in sequences},
        found,
        (*annotations.problems, *(line for one in found for line in one.problems)),
    )


def find_trackers(results: Path, benchmark: str, trackers: Sequence[str] = ()) -> list[Path]:
    """Folders of the trackers below ``results/<benchmark>``; errors as of `evaluate`."""
    if not results.is_dir():
        raise FileNotFoundError(f"results folder does not exist: {results}")
    named = [path for path in sorted(results.iterdir()) if _plain(path.name) == _plain(benchmark)]
    if not named:
        raise FileNotFoundError(
            f"results folder {results} must hold {benchmark}/<tracker>/<sequence>.txt, got no folder {benchmark}"
        )
    folders = {path.name: path for path in sorted(named[0].iterdir()) if path.is_dir()}
    unknown = [name for name in trackers if name not in folders]
    if unknown or not folders:
        raise FileNotFoundError(
            f"no results of {', '.join(unknown) or 'any tracker'} in {named[0]}: "
            f"there are {', '.join(folders) or 'no folders'}"
        )
    return [folders[name] for name in trackers] if trackers else list(folders.values())


def evaluate_tracker(
    folder: Path, annotations: Sequence[Annotation], protocol: Protocol, clip_to_frame: bool
) -> TrackerResult:
    """Score the files of one tracker; what cannot be used becomes a line of ``problems``."""
    runs, problems = find_runs(folder)
    scores = {}
    for annotation in annotations:
        frame_wh = annotation.frame_wh if clip_to_frame else None
        found = []
        for path in runs.get(annotation.name, []):
            try:
                predicted, problem = read_predicted(path, annotation.bboxes, protocol)
                truth = annotation.bboxes[: len(predicted)]
                found.append(score(predicted, truth, protocol, frame_wh))
            except (OSError, ValueError) as error:
                problem = str(error)
            if problem:
                problems.append(problem)
        if found:
            scores[annotation.name] = found[0] if len(found) == 1 else mean_score(found, by_frames=True)
    missing = [one.name for one in annotations if one.name not in scores]
    if missing:
        some = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
        problems.append(f"{folder} is incomplete: no score for {len(missing)} of {len(annotations)}: {some}")
    timing = _read_timing(folder, problems)
    return TrackerResult(folder.name, scores, tuple(problems), timing)


def find_runs(folder: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """A tracker's result files by the canonical name of their sequence, and what is wrong with the names.

    OTB's layout is ``<sequence>.txt``, GOT-10k's ``<sequence>/<sequence>_001.txt``, a file for each repetition.
    """
    runs: dict[str, list[Path]] = {}
    problems = []
    for path in sorted(folder.glob("*.txt")):
        taken = runs.setdefault(canonical_name(path.stem), [path])[0]
        if taken != path:
            problems.append(f"{path} is left out: {taken.name} is of the same sequence")
    for path in sorted(folder.glob("*/*_[0-9][0-9][0-9].txt")):
        if path.stem[:-4] == path.parent.name:
            runs.setdefault(path.parent.name, []).append(path)
    return runs, problems


def read_predicted(path: Path, truth: Floats, protocol: Protocol) -> tuple[Floats, str]:
    """Read a result file.

    Returns:
        The boxes ``(n, 4)``, 0-based, NaN for invalid ones, and a line about what is odd with them, if
        anything is. Under ``otb`` the file may end early: ``n`` is what it has, and that is scored, as was
        done for the published figures of STRUCK and MDNet.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no box file, or has too few or too many rows; file and line are named.
    """
    bboxes = read_bboxes(path)
    rows, frames = len(bboxes), len(truth)
    if rows > frames:
        raise ValueError(f"{path}, line {frames + 1}: left out, {rows} rows for {frames} annotated frames")
    if rows < frames and (protocol != "otb" or rows == 0):
        raise ValueError(f"{path}, line {rows + 1}: left out, the file ends after {rows} of {frames} frames")
    if rows < frames:
        return bboxes, f"{path}, line {rows + 1}: ends after {rows} of {frames} frames; those are scored"
    invalid = np.flatnonzero(np.isnan(bboxes[:, 0]))
    if invalid.size:
        rule = "the last valid box stands in" if protocol == "otb" else "a miss where there is a target"
        return bboxes, f"{path}, line {invalid[0] + 1}: no valid box, as in {invalid.size} rows; {rule}"
    return bboxes, ""


def _read_timing(folder: Path, problems: list[str]) -> Timing | None:
    """Speed over all time files: ``times/<sequence>_time.txt``, or GOT-10k's, a column for each repetition."""
    runs = []
    otb_layout = folder / "times"
    for path in sorted(otb_layout.glob("*_time.txt") if otb_layout.is_dir() else folder.glob("*/*_time.txt")):
        try:
            seconds = parse_table(path.read_text())
        except ValueError:
            problems.append(f"{path} is left out: expected a number of seconds a line")
            continue
        runs += list(seconds.T)
    return Timing.of(*runs) if runs else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
