"""The table at the end of a benchmark."""

import math

from experiments.scoring.evaluation import Evaluation

_COLUMNS = {
    "success AUC": ("success_auc", 3),
    "precision@20": ("precision_20", 3),
    "   AO": ("ao", 3),
    " SR50": ("sr_50", 3),
    " SR75": ("sr_75", 3),
}
"""Heading, as wide as its column -> attribute of `Score`, and digits."""

_VOT = {
    "accuracy": ("accuracy", 3),
    "failures": ("failures", 1),
    "  EAO": ("eao", 3),
    "AO without resets": ("ao", 3),
}
"""The same of `ResetScore`."""

_SPEED = {"   fps": ("fps", 1), "median ms": ("median_ms", 1), "95 % ms": ("p95_ms", 1)}
"""The same of `Timing`."""


def print_scores(evaluation: Evaluation) -> None:
    """Print the scores and the speed of every tracker of an evaluation, a line each."""
    means, results = evaluation.means(), evaluation.results
    by_vot = any(one.resets for one in results)
    width = max(len("tracker"), *(len(one.name) for one in results))
    print(f"{'tracker':{width}}  targets  {'  '.join(_VOT if by_vot else _COLUMNS)}  {'  '.join(_SPEED)}")
    for one in results:
        scored = max(len(one.scores), one.resets.sequences if one.resets else 0)
        scores = _cells(_VOT, one.resets) if by_vot else _cells(_COLUMNS, means.get(one.name))
        print(f"{one.name:{width}}  {scored:7}  {scores}  {_cells(_SPEED, one.timing)}")


def _cells(columns: dict[str, tuple[str, int]], numbers: object) -> str:
    """The numbers in a row, each as wide as its heading; a dash where there is none."""
    cells = []
    for heading, (name, digits) in columns.items():
        value = getattr(numbers, name, math.nan)
        text = "-" if math.isnan(value) else f"{value:.{digits}f}"
        cells.append(f"{text:>{len(heading)}}")
    return "  ".join(cells)
