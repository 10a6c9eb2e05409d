"""The table at the end of a benchmark."""

from experiments.scoring.evaluation import Evaluation
from experiments.scoring.metrics import Score
from experiments.scoring.timing import Timing

_COLUMNS = {
    "success AUC": "success_auc",
    "precision@20": "precision_20",
    "   AO": "ao",
    " SR50": "sr_50",
    " SR75": "sr_75",
}
"""Heading, as wide as its column -> attribute of `Score`."""


def print_scores(evaluation: Evaluation) -> None:
    """Print the scores and the speed of every tracker of an evaluation, a line each."""
    means = evaluation.means()
    width = max(len("tracker"), *(len(one.name) for one in evaluation.results))
    print(f"{'tracker':{width}}  targets  {'  '.join(_COLUMNS)}     fps  median ms  95 % ms")
    for one in evaluation.results:
        scores = _score_cells(means.get(one.name))
        print(f"{one.name:{width}}  {len(one.scores):7}  {scores}  {_timing_cells(one.timing)}")


def _score_cells(mean: Score | None) -> str:
    if mean is None:
        return "  ".join(f"{'-':>{len(heading)}}" for heading in _COLUMNS)
    return "  ".join(f"{getattr(mean, name):{len(heading)}.3f}" for heading, name in _COLUMNS.items())


def _timing_cells(timing: Timing | None) -> str:
    if timing is None:
        return f"{'-':>6}  {'-':>9}  {'-':>7}"
    return f"{timing.fps:6.1f}  {timing.median_ms:9.1f}  {timing.p95_ms:7.1f}"
