"""From result files to scores: which files there are, what is wrong with them, and what they are worth."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from data.boxes import Floats
from data.datasets.box_files import read_bboxes
from experiments.scoring.annotations import Annotations
from experiments.scoring.metrics import Protocol, Score, has_average_overlap, mean_score, score_runs
from experiments.scoring.predictions import check_predicted, find_runs, read_timing, run_truths
from experiments.scoring.resets import ResetScore, evaluate_resets
from experiments.scoring.timing import Timing

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
        resets: accuracy and robustness of its supervised runs, where there are any (VOT).
    """

    name: str
    scores: dict[str, Score]
    problems: tuple[str, ...] = ()
    timing: Timing | None = None
    resets: ResetScore | None = None

    def lacks(self, sequences: Iterable[str]) -> bool:
        """Whether some of ``sequences`` has no score, unless the tracker was run in VOT's supervised way only."""
        supervised_only = self.resets is not None and not self.scores
        return not supervised_only and any(name not in self.scores for name in sequences)


@dataclass(frozen=True)
class Evaluation:
    """The scores of several trackers on one benchmark.

    Attributes:
        way: how the trackers were run, one of `experiments.scoring.protocols.PROTOCOLS`.
        protocol: whose rules were followed.
        by_frames: whether every frame counts the same in a mean, not every sequence.
        attributes: sequence -> its challenges, in the benchmark's order; its keys are all sequences.
        results: the trackers', in the order they were asked for.
        problems: a line for each thing that is missing or was left out.
    """

    way: str
    protocol: Protocol
    by_frames: bool
    attributes: dict[str, tuple[str, ...]]
    results: tuple[TrackerResult, ...]
    problems: tuple[str, ...] = ()

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
    folders: Sequence[Path], annotations: Annotations, protocol: Protocol = "otb", way: str = "ope"
) -> Evaluation:
    """Score every tracker's files.

    Args:
        folders: of the trackers, see `experiments.scoring.predictions`.
        annotations: the ground truth.
        protocol: whose rules to follow.
        way: one of `experiments.scoring.protocols.PROTOCOLS`: how the trackers were run.

    Raises:
        ValueError: GOT-10k's rules are to be followed without any frames.
    """
    gives_average_overlap = has_average_overlap(annotations.dataset) and protocol == "got10k"
    truths = {name: one.bboxes for name, one in annotations.sequences.items()}
    has_resets = any((folder / "baseline").is_dir() for folder in folders)
    sizes, unreadable = _frame_sizes(annotations) if gives_average_overlap or has_resets else ({}, {})
    if gives_average_overlap and not sizes:
        raise ValueError(f"GOT-10k's rules need the frames' size: {next(iter(unreadable.values()))}")
    left_out = unreadable if gives_average_overlap else {}
    work = partial(
        evaluate_tracker,
        truths={name: truth for name, truth in truths.items() if name not in left_out},
        sizes=sizes,
        clipped=gives_average_overlap,
        protocol=protocol,
        way=way,
    )
    processes = min(len(folders), os.cpu_count() or 1)
    if processes > 1 and len(folders) * len(truths) >= _FILES_FOR_A_POOL:
        with ProcessPoolExecutor(processes) as pool:
            # A chunk each: the ground truth is sent along with every chunk.
            found = tuple(pool.map(work, folders, chunksize=math.ceil(len(folders) / processes)))
    else:
        found = tuple(map(work, folders))
    return Evaluation(
        way,
        protocol,
        gives_average_overlap,
        {name: one.attributes for name, one in annotations.sequences.items()},
        found,
        (*annotations.problems, *unreadable.values(), *(line for one in found for line in one.problems)),
    )


def _frame_sizes(annotations: Annotations) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
    """Sequence -> width and height of its frames, and of those without why not."""
    sizes, unreadable = {}, {}
    for name, one in annotations.sequences.items():
        try:
            sizes[name] = one.frame_wh
        except (OSError, ValueError) as error:
            unreadable[name] = f"{name}: boxes cannot be cut to the frame, its size is not known: {error}"
    return sizes, unreadable


def evaluate_tracker(
    folder: Path,
    truths: Mapping[str, Floats],
    sizes: Mapping[str, tuple[int, int]],
    clipped: bool,
    protocol: Protocol,
    way: str,
) -> TrackerResult:
    """Score the files of one tracker; what cannot be used becomes a line of ``problems``.

    Args:
        folder: of the tracker.
        truths: sequence -> its ground truth.
        sizes: sequence -> width and height of its frames, where they are known.
        clipped: cut boxes to the frames, as GOT-10k's rules have it; supervised runs always are.
        protocol: whose rules to follow.
        way: how the tracker was run.
    """
    files, problems = find_runs(folder)
    runs: dict[str, list[tuple[Floats, Floats]]] = {}
    for name, truth in truths.items():
        paths = files.get(name, [])
        try:
            found = [
                _usable(path, expected, protocol, problems)
                for path, expected in zip(paths, run_truths(truth, way, len(paths)), strict=True)
            ]
        except (OSError, ValueError) as error:
            problems.append(f"{name} of {folder.name} is left out: {error}")
        else:
            if found:
                runs[name] = found
    scores = _scores(runs, protocol, sizes if clipped else None)
    resets = evaluate_resets(folder, truths, sizes, problems)
    missing = [name for name in truths if name not in scores]
    if missing and (scores or not resets):
        some = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
        problems.append(f"{folder} is incomplete: no score for {len(missing)} of {len(truths)}: {some}")
    timing = read_timing(folder, problems)
    return TrackerResult(folder.name, scores, tuple(problems), timing, resets)


def _usable(path: Path, truth: Floats, protocol: Protocol, problems: list[str]) -> tuple[Floats, Floats]:
    """Boxes that can be scored and their ground truth; what is odd with them becomes a line of ``problems``."""
    bboxes = read_bboxes(path)
    problems += filter(None, [check_predicted(bboxes, path, truth, protocol)])
    return bboxes, truth[: len(bboxes)]


def _scores(
    runs: Mapping[str, Sequence[tuple[Floats, Floats]]],
    protocol: Protocol,
    sizes: Mapping[str, tuple[int, int]] | None,
) -> dict[str, Score]:
    """Sequence -> score; several runs of a sequence are pooled frame by frame."""
    frames_wh = None if sizes is None else [sizes[name] for name, found in runs.items() for _ in found]
    scores = iter(score_runs([pair for found in runs.values() for pair in found], protocol, frames_wh))
    pooled = {name: list(islice(scores, len(found))) for name, found in runs.items()}
    return {
        name: one[0] if len(one) == 1 else mean_score(one, by_frames=True) for name, one in pooled.items()
    }
