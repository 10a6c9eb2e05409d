"""The table at the end of a benchmark."""

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from data.boxes import Floats
from experiments.metrics import Protocol, Score, mean_score, score
from experiments.protocols import Run
from experiments.result_files import ResultFiles
from experiments.timing import Timing


def print_scores(
    runs: Mapping[str, Sequence[Run]], files: Mapping[str, ResultFiles], protocol: Protocol
) -> int:
    """Print the scores of every tracker over the runs that are done.

    The runs of a sequence are averaged first, then the sequences, all counting the same.

    Args:
        runs: What there is to do, by the tracker's label.
        files: Results by the tracker's label.
        protocol: Whose rules score them.

    Returns:
        How many results cannot be read; each is printed.
    """
    width = max(len("tracker"), *map(len, runs))
    print(f"{'tracker':{width}}  targets  success AUC  precision@20     fps  median ms  95 % ms")
    unreadable = 0
    for label, planned in runs.items():
        scores: dict[str, list[Score]] = defaultdict(list)
        seconds = [np.zeros(1)]
        for run in planned:
            if not files[label].is_done(run.sequence.name, run.number):
                continue
            try:
                bboxes, times = _read(run, files[label])
            except (OSError, ValueError) as error:
                print(f"{label} on {run.sequence.name}: {error}", file=sys.stderr)
                unreadable += 1
                continue
            seconds.append(times[1:])
            truth = run.sequence.bboxes[run.start :]
            if np.isfinite(truth[1:]).any():  # of test sets only the first box is known
                scores[run.sequence.name].append(score(bboxes, truth, protocol))
        timing = Timing.of(np.concatenate(seconds))
        print(f"{label:{width}}  {_score_cells(scores)}  {timing.fps:6.1f}  ", end="")
        print(f"{timing.median_ms:9.1f}  {timing.p95_ms:7.1f}")
    return unreadable


def _read(run: Run, files: ResultFiles) -> tuple[Floats, Floats]:
    name, number = run.sequence.name, run.number
    bboxes, times = files.read_bboxes(name, number), files.read_seconds(name, number)
    if not len(bboxes) == len(times) == len(run):
        raise ValueError(
            f"{files.box_file(name, number)} has {len(bboxes)} boxes and {len(times)} times for {len(run)} "
            "frames: remove it to have it run again"
        )
    return bboxes, times


def _score_cells(scores: Mapping[str, list[Score]]) -> str:
    if not scores:
        return f"{0:7}  {'-':>11}  {'-':>12}"
    mean = mean_score([mean_score(runs) for runs in scores.values()])
    return f"{len(scores):7}  {mean.success_auc:11.3f}  {mean.precision_20:12.3f}"
