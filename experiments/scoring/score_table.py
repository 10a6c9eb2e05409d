"""The table at the end of a benchmark."""

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from data.boxes import Floats
from experiments.scoring.metrics import Score, has_average_overlap, mean_score, score, usual_protocol
from experiments.scoring.protocols import Run
from experiments.scoring.result_files import ResultFiles
from experiments.scoring.timing import Timing

_COLUMNS = {
    "success AUC": "success_auc",
    "precision@20": "precision_20",
    "   AO": "ao",
    " SR50": "sr_50",
    " SR75": "sr_75",
}
"""Heading, as wide as its column -> attribute of `Score`."""


def print_scores(runs: Mapping[str, Sequence[Run]], files: Mapping[str, ResultFiles], dataset: str) -> int:
    """Print the scores of every tracker over the runs that are done.

    The runs of a sequence are averaged first, then the sequences, all counting the same; on GOT-10k, by its own
    rule, all frames of all runs count the same. See docs/metrics.md.

    Args:
        runs: What there is to do, by the tracker's label.
        files: Results by the tracker's label.
        dataset: Its registered name, which decides whose rules score them.

    Returns:
        How many results cannot be read; each is printed.
    """
    width = max(len("tracker"), *map(len, runs))
    print(f"{'tracker':{width}}  targets  {'  '.join(_COLUMNS)}     fps  median ms  95 % ms")
    unreadable = 0
    for label, planned in runs.items():
        scores: dict[str, list[Score]] = defaultdict(list)
        seconds = [np.zeros(1)]
        for run in planned:
            if not files[label].is_done(run.sequence.name, run.number):
                continue
            try:
                bboxes, times = _read(run, files[label])
                found = _score(run, bboxes, dataset)
            except (OSError, ValueError) as error:
                print(f"{label} on {run.sequence.name}: {error}", file=sys.stderr)
                unreadable += 1
                continue
            seconds.append(times[1:])
            if found is not None:
                scores[run.sequence.name].append(found)
        timing = _timing_cells(Timing.of(np.concatenate(seconds)))
        print(f"{label:{width}}  {_score_cells(scores, dataset)}  {timing}")
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


def _score(run: Run, bboxes: Floats, dataset: str) -> Score | None:
    """Score of a run; None for test sets, of which only the first box is known."""
    truth = run.sequence.bboxes[run.start :]
    if not np.isfinite(truth[1:]).any():
        return None
    frame_wh = run.sequence.read_frame_wh() if has_average_overlap(dataset) else None
    return score(bboxes, truth, usual_protocol(dataset), frame_wh)


def _score_cells(scores: Mapping[str, list[Score]], dataset: str) -> str:
    if not scores:
        cells = [f"{'-':>{len(heading)}}" for heading in _COLUMNS]
    else:
        if has_average_overlap(dataset):
            mean = mean_score([one for runs in scores.values() for one in runs], by_frames=True)
        else:
            mean = mean_score([mean_score(runs) for runs in scores.values()])
        cells = [f"{getattr(mean, name):{len(heading)}.3f}" for heading, name in _COLUMNS.items()]
    return "  ".join([f"{len(scores):7}", *cells])


def _timing_cells(timing: Timing) -> str:
    if np.isnan(timing.fps):
        return f"{'-':>6}  {'-':>9}  {'-':>7}"
    return f"{timing.fps:6.1f}  {timing.median_ms:9.1f}  {timing.p95_ms:7.1f}"
