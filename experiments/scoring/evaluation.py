"""From result files to scores: reading, problems, and the scores of every tracker."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path

import numpy as np

from data.boxes import Floats
from data.datasets.clip import Clip
from data.files import printable, some
from experiments.runtime.workers import worker_pool
from experiments.scoring.annotations import Annotations
from experiments.scoring.metrics import Rules, Score, has_average_overlap, mean_score, score_runs
from experiments.scoring.record import FILE, Record, misfits, read_record, sequence_record
from experiments.scoring.resets import BASELINE, UNSUPERVISED, ResetScore, evaluate_resets
from experiments.scoring.result_files import Runs, read_runs, read_times
from experiments.scoring.timing import Timing

METRICS = (
    *("success_auc", "precision_20", "normalised_precision_20", "normalised_precision_auc"),
    *("ao", "sr_50", "sr_75"),
)
"""Attributes of a `Score` that reports show."""

_PARTS = ("", BASELINE, UNSUPERVISED)
"""Where results lie in a tracker's folder."""

_FILES_FOR_A_POOL = 400  # with fewer, starting processes takes longer than it saves


@dataclass(frozen=True)
class TrackerResult:
    """The result of one tracker on a benchmark.

    Attributes:
        name: name of the tracker's folder.
        scores: sequence -> score, without sequences that have no usable file.
        bboxes: scored sequence -> boxes ``(n, 4)`` of its first run, 0-based.
        problems: a line for each file that lacks rows, cannot be read, or holds invalid boxes.
        timing: the tracker's speed; None without time files.
        resets: what VOT measures of its runs with and without resets, where there are any.
    """

    name: str
    scores: dict[str, Score]
    bboxes: dict[str, Floats] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    timing: Timing | None = None
    resets: ResetScore | None = None

    def lacks(self, sequences: Iterable[str]) -> bool:
        """Whether some sequence has no score, or no supervised run where VOT's supervised runs are all there is."""
        wanted, supervised = list(sequences), self.resets.sequences if self.resets else 0
        if 0 < supervised < len(wanted):
            return True
        return (bool(self.scores) or not supervised) and any(name not in self.scores for name in wanted)


@dataclass(frozen=True)
class Evaluation:
    """The scores of several trackers on one benchmark.

    Attributes:
        protocol: one of `experiments.scoring.protocols.PROTOCOLS`.
        rules: the rules of the scores.
        by_frames: in a mean every frame counts the same, not every sequence.
        attributes: sequence -> its challenges, for all sequences in the benchmark's order.
        results: the trackers' results, in the order asked for.
        problems: a line for each missing or left-out sequence or file.
        classes: sequence -> what its target is, where the dataset says it.
    """

    protocol: str
    rules: Rules
    by_frames: bool
    attributes: dict[str, tuple[str, ...]]
    results: tuple[TrackerResult, ...]
    problems: tuple[str, ...] = ()
    classes: Mapping[str, str] = field(default_factory=dict)

    def with_attribute(self, attribute: str | None) -> list[str]:
        """Names of the sequences with ``attribute``; None for all."""
        return [name for name, held in self.attributes.items() if attribute is None or attribute in held]

    def means(self, attribute: str | None = None) -> dict[str, Score]:
        """Tracker -> mean over its scored sequences with ``attribute``, without trackers that have none."""
        chosen = self.with_attribute(attribute)
        scores = {one.name: [one.scores[n] for n in chosen if n in one.scores] for one in self.results}
        return {name: mean_score(found, self.by_frames) for name, found in scores.items() if found}

    def class_means(self) -> dict[str, Score]:
        """Tracker -> mean in which every class of targets counts the same: GOT-10k's mAO and mSR."""
        found = {}
        for one in self.results:
            by_class: dict[str, list[Score]] = {}
            for name, score in one.scores.items():
                by_class.setdefault(self.classes.get(name, ""), []).append(score)
            means = [mean_score(scores) for kind, scores in by_class.items() if kind]
            if means:
                found[one.name] = mean_score(means)
        return found

    def table(self, metric: str) -> Floats:
        """Values ``(trackers, sequences)`` of one of `METRICS`; NaN for a missing score."""
        missing = float("nan")
        rows = [
            [getattr(one.scores[name], metric) if name in one.scores else missing for name in self.attributes]
            for one in self.results
        ]
        return np.array(rows, dtype=np.float64).reshape(len(self.results), len(self.attributes))

    def weights(self) -> Floats | None:
        """The weight of each sequence in a mean: its frames; None if all count the same."""
        if not self.by_frames:
            return None
        frames = self.table("frames")
        return np.where(np.isfinite(frames), frames, 0)


def evaluate(
    folders: Sequence[Path],
    annotations: Annotations,
    rules: Rules = "otb",
    protocol: str = "ope",
    processes: int | None = None,
) -> Evaluation:
    """Score every tracker's files, for the table of `benchmark` and for a report.

    Args:
        folders: the trackers' folders, see `experiments.scoring.result_files`.
        annotations: the ground truth.
        rules: the rules to follow.
        protocol: one of `experiments.scoring.protocols.PROTOCOLS`.
        processes: number of processes for many files; by default one for each core.

    Raises:
        ValueError: GOT-10k's rules need the frames' size, and there are no frames.
    """
    gives_average_overlap = has_average_overlap(annotations.dataset) and rules == "got10k"
    public = {name: one for name, one in annotations.sequences.items() if one.is_public}
    has_record = any((folder / part / FILE).is_file() for folder in folders for part in _PARTS)
    recorded = annotations.sequences if has_record else {}
    has_resets = any((folder / part).is_dir() for folder in folders for part in _PARTS[1:])
    sizes, unreadable = _frame_sizes(annotations) if gives_average_overlap or has_resets else ({}, {})
    if gives_average_overlap and public and not sizes:
        raise ValueError(f"GOT-10k's rules need the frames' size: {next(iter(unreadable.values()))}")
    left_out = unreadable if gives_average_overlap else {}
    work = partial(
        evaluate_tracker,
        clips={name: replace(one, paths=()) for name, one in public.items() if name not in left_out},
        timed=tuple(annotations.sequences),
        data={name: sequence_record(one.paths, one.bboxes) for name, one in recorded.items()},
        year=annotations.year,
        sizes=sizes,
        clipped=gives_average_overlap,
        rules=rules,
        protocol=protocol,
    )
    processes = min(len(folders), processes or os.cpu_count() or 1)
    if processes > 1 and len(folders) * len(public) >= _FILES_FOR_A_POOL:
        with worker_pool(processes) as pool:
            # One chunk for each process, because the ground truth is sent along with every chunk.
            found = tuple(pool.map(work, folders, chunksize=math.ceil(len(folders) / processes)))
    else:
        found = tuple(map(work, folders))
    problems = [*annotations.problems, *unreadable.values()]
    if secret := len(annotations.sequences) - len(public):
        problems.append(f"{secret} sequences are not scored: their ground truth is not public")
    return Evaluation(
        protocol,
        rules,
        gives_average_overlap,
        {name: one.attributes for name, one in public.items()},
        found,
        (*problems, *(line for one in found for line in one.problems)),
        {name: one.object_class for name, one in public.items() if one.object_class},
    )


def _frame_sizes(annotations: Annotations) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
    """Sequence -> width and height of its frames, and for the others the reason why they are unknown."""
    sizes, unreadable = {}, {}
    for name, one in annotations.sequences.items():
        try:
            sizes[name] = one.read_frame_wh()
        except (OSError, ValueError) as error:
            unreadable[name] = f"{name}: boxes cannot be cut to the frame, its size is not known: {error}"
    return sizes, unreadable


def evaluate_tracker(
    folder: Path,
    clips: Mapping[str, Clip],
    timed: Iterable[str],
    data: Mapping[str, Record],
    year: int | None,
    sizes: Mapping[str, tuple[int, int]],
    clipped: bool,
    rules: Rules,
    protocol: str,
) -> TrackerResult:
    """Score the files of one tracker; what cannot be used becomes a line of ``problems``.

    Args:
        folder: of the tracker.
        clips: sequence -> its ground truth.
        timed: the sequences whose times make the tracker's speed.
        data: sequence -> what `experiments.scoring.record` says of it.
        year: of a VOT challenge, where it is known.
        sizes: sequence -> width and height of its frames, where they are known.
        clipped: cut boxes to the frames, as GOT-10k's rules have it; supervised runs always are.
        rules: whose rules to follow.
        protocol: how the tracker was run.
    """
    problems: list[str] = []
    others = {name for part in _PARTS for name in _of_other_data(folder / part, data, problems)}
    usable = {name: clip for name, clip in clips.items() if name not in others}
    runs = read_runs(folder, usable, protocol, rules, problems)
    scores = _scores(runs, rules, sizes if clipped else None)
    resets = evaluate_resets(folder, usable, sizes, problems, year)
    missing = [name for name in clips if name not in scores]
    if missing and (scores or not resets):
        problems.append(
            f"{folder} is incomplete: no score for {len(missing)} of {len(clips)}: {some(missing, 5)}"
        )
    times = next((found for part in _PARTS if (found := read_times(folder / part, timed, problems))), {})
    timing = Timing.of(*chain.from_iterable(times.values())) if times else None
    bboxes = {name: found[0][0] for name, found in runs.items()}
    return TrackerResult(
        printable(folder.name), scores, bboxes, tuple(map(printable, problems)), timing, resets
    )


def _of_other_data(folder: Path, data: Mapping[str, Record], problems: list[str]) -> list[str]:
    """Sequences whose results in ``folder`` were made on other data; adds a line to ``problems``."""
    try:
        stored = read_record(folder)
    except ValueError as error:
        problems.append(f"whether the results of {folder.name} belong to this data is not known: {error}")
        return []
    if stored is None:  # published results carry no record
        return []
    others, encoded_anew = misfits(stored, data)
    if others:
        problems.append(
            f"{some(others)} of {folder.name}: left out, the number of frames or the first box is not that of "
            f"the run (see {folder / FILE})"
        )
    if encoded_anew:
        problems.append(
            f"{some(encoded_anew)} of {folder.name}: frames have other names or sizes than in the run"
        )
    return others


def _scores(runs: Runs, rules: Rules, sizes: Mapping[str, tuple[int, int]] | None) -> dict[str, Score]:
    """Sequence -> score; the runs of a sequence are pooled, so that every frame of all runs counts the same."""
    frames_wh = None if sizes is None else [sizes[name] for name, found in runs.items() for _ in found]
    scores = iter(score_runs([pair for found in runs.values() for pair in found], rules, frames_wh))
    pooled = {name: list(islice(scores, len(found))) for name, found in runs.items()}
    return {
        name: one[0] if len(one) == 1 else mean_score(one, by_frames=True) for name, one in pooled.items()
    }
