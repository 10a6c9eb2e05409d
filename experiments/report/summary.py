"""The plain numbers of a report: means, intervals, differences, attributes."""

import math
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any, TypeAlias

import numpy as np

from data.boxes import Floats
from experiments.scoring.bootstrap import bootstrap, student
from experiments.scoring.evaluation import METRICS, Evaluation
from experiments.scoring.metrics import Score
from experiments.scoring.resets import ResetScore
from experiments.scoring.timing import Timing

Summary: TypeAlias = dict[str, Any]

ATTRIBUTES = {
    "IV": "illumination variation",
    "SV": "scale variation",
    "OCC": "occlusion",
    "DEF": "deformation",
    "MB": "motion blur",
    "FM": "fast motion",
    "IPR": "in-plane rotation",
    "OPR": "out-of-plane rotation",
    "OV": "out of view",
    "BC": "background clutter",
    "LR": "low resolution",
}
"""OTB's challenges (Wu, Lim, Yang, TPAMI 2015); other benchmarks' keep their own names."""

_CURVES = tuple(field.name for field in fields(Score) if field.name not in ("ao", "frames"))


def rank_metric(evaluation: Evaluation) -> str:
    """The metric that ranks trackers: average overlap on GOT-10k, elsewhere the area under success."""
    return "ao" if evaluation.by_frames else "success_auc"


def summarise(evaluation: Evaluation, dataset: str) -> Summary:
    """Collect everything that tables, JSON and page show as JSON values; None where there is no value.

    Trackers are sorted, the best first; those that lack sequences come last.
    """
    metric = rank_metric(evaluation)
    tables = {name: evaluation.table(name) for name in METRICS}
    means = evaluation.means()
    by_class = evaluation.class_means()
    intervals = _intervals(evaluation, tables)
    trackers: list[Summary] = [
        {
            "name": result.name,
            "scored": len(result.scores),
            "metrics": {
                name: _estimate(getattr(means.get(result.name), name, math.nan), interval)
                for name, interval in intervals[result.name].items()
            },
            "curves": {c: getattr(means[result.name], c).tolist() for c in _CURVES if result.name in means},
            "sequences": {
                name: dict(zip(evaluation.attributes, _plain(tables[name][index]), strict=True))
                for name in METRICS
            },
            "by_class": _by_class(by_class.get(result.name)),
            "timing": _timing(result.timing),
            "resets": _resets(result.resets),
        }
        for index, result in enumerate(evaluation.results)
    ]
    trackers.sort(key=lambda one: (-one["scored"], -(one["metrics"][metric]["value"] or 0), one["name"]))
    return {
        "dataset": dataset,
        "protocol": evaluation.protocol.upper(),
        "rules": evaluation.rules,
        "rank_metric": metric,
        "sequences": {name: list(held) for name, held in evaluation.attributes.items()},
        "trackers": trackers,
        "attributes": _attributes(evaluation),
        "differences": _differences(evaluation, [one["name"] for one in trackers], tables),
        "problems": list(evaluation.problems),
    }


def attributes_of(evaluation: Evaluation) -> dict[str, str]:
    """Attributes of any sequence -> their full names, in OTB's order, others by name."""
    held = {attribute for attributes in evaluation.attributes.values() for attribute in attributes}
    known = {short: full for short, full in ATTRIBUTES.items() if short in held}
    return known | {name: name for name in sorted(held - known.keys())}


def _intervals(evaluation: Evaluation, tables: dict[str, Floats]) -> dict[str, dict[str, Floats]]:
    """Tracker -> metric -> interval ``(2,)``, all from the same bootstrap draws."""
    ends = bootstrap(np.stack([tables[name] for name in METRICS]), evaluation.weights())
    return {
        result.name: dict(zip(METRICS, ends[:, index], strict=True))
        for index, result in enumerate(evaluation.results)
    }


def _attributes(evaluation: Evaluation) -> list[Summary]:
    found = []
    for short, full in attributes_of(evaluation).items():
        means = evaluation.means(short)
        scores = {name: {m: getattr(one, m) for m in METRICS} for name, one in means.items()}
        count = len(evaluation.with_attribute(short))
        found.append({"name": short, "full_name": full, "count": count, "trackers": scores})
    return found


def _differences(evaluation: Evaluation, names: list[str], tables: dict[str, Floats]) -> list[Summary]:
    """Differences of each pair of trackers, the better-ranked first, on the sequences that both have."""
    index = {result.name: i for i, result in enumerate(evaluation.results)}
    pairs = [(first, second) for i, first in enumerate(names) for second in names[i + 1 :]]
    if not pairs:
        return []
    first, second = ([index[pair[side]] for pair in pairs] for side in (0, 1))
    differences = {metric: table[first] - table[second] for metric, table in tables.items()}
    weights = None if (all_weights := evaluation.weights()) is None else all_weights[first]
    ends = bootstrap(np.stack(list(differences.values())), weights)
    # Where frames count, a mean's deviation is not that of Student's t.
    few = None if weights is not None else student(np.stack(list(differences.values())))
    return [
        {
            "first": pair[0],
            "second": pair[1],
            "sequences": int(np.isfinite(differences[METRICS[0]][i]).sum()),
            "metrics": {
                metric: _estimate(
                    _mean(differences[metric][i], None if weights is None else weights[i]), ends[m, i]
                )
                | {"student": None if few is None else _plain(few[m, i])}
                for m, metric in enumerate(METRICS)
            },
        }
        for i, pair in enumerate(pairs)
    ]


def _mean(values: Floats, weights: Floats | None) -> float:
    present = np.isfinite(values)
    if not present.any():
        return math.nan
    return float(np.average(values[present], weights=None if weights is None else weights[present]))


def _estimate(value: float, interval: Floats) -> Summary:
    low, high = _plain(interval)
    return {"value": _number(value), "low": low, "high": high}


def _by_class(mean: Score | None) -> Summary | None:
    return None if mean is None else {"mao": mean.ao, "msr_50": mean.sr_50, "msr_75": mean.sr_75}


def _timing(timing: Timing | None) -> Summary | None:
    return None if timing is None else {name: _number(value) for name, value in asdict(timing).items()}


def _resets(score: ResetScore | None) -> Summary | None:
    if score is None:
        return None
    known = {one.name: getattr(score, one.name) for one in fields(score) if one.name != "by_attribute"}
    by_attribute = {
        name: {"accuracy": _number(one.accuracy), "failures": one.failures, "frames": one.frames}
        for name, one in score.by_attribute.items()
    }
    return {name: _number(value) for name, value in known.items()} | {"by_attribute": by_attribute}


def _number(value: float) -> float | None:
    """Convert to JSON, which has no NaN."""
    return float(value) if math.isfinite(value) else None


def _plain(values: Iterable[float]) -> list[float | None]:
    return [_number(value) for value in values]
