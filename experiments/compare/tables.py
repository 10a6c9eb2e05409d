"""What came out of a comparison, as numbers: means, bootstrap intervals, differences to the reference."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data.boxes import Floats
from experiments.scoring.bootstrap import bootstrap

METRICS = {"success_auc": "Success AUC", "precision_20": "Precision@20", "ao": "AO"}

Results = Mapping[str, Sequence[Mapping[str, Any]]]
"""Of one stage: label of a loss -> result of each seed."""


def reference_of(labels: Sequence[str]) -> str:
    """The loss that the others are compared with: ``l2``, or the first where it is not among them."""
    return "l2" if "l2" in labels else labels[0]


def summarise(results: Results) -> list[dict[str, Any]]:
    """A row for each loss.

    A clip counts by its mean over the seeds: seeds are not independent of one another as clips are. The interval
    is the bootstrap's over clips; a difference's is of the paired differences, clip by clip.

    Returns:
        ``label``, ``rate``, ``at_edge`` (the search chose its lowest or highest), ``seeds``, ``seconds_per_step``,
        and for each of `METRICS` its ``mean``, ``interval``, ``spread`` (standard deviation over the seeds; NaN of
        one), ``difference`` and ``difference_interval`` (None for the reference).
    """
    reference = reference_of(list(results))
    against = _by_clip(results[reference])
    return [
        {
            "label": label,
            "rate": runs[0]["rate"],
            "at_edge": _at_edge(runs[0]),
            "seeds": len(runs),
            "seconds_per_step": _pace(runs),
            **{
                metric: _entry(values, against[metric], is_reference=label == reference)
                for metric, values in _by_clip(runs).items()
            },
            **{name: _ends(runs, name) for name in ("peak_distance", "hit_rate")},
        }
        for label, runs in results.items()
    ]


def course_of(runs: Sequence[Mapping[str, Any]], measure: str) -> dict[str, Floats]:
    """``step``, ``seconds``, ``mean`` and ``spread`` (over seeds; 0 for one) of a measure along a run."""
    courses = [[point for point in run["course"] if measure in point] for run in runs]
    values = np.array([[point[measure] for point in course] for course in courses])
    return {
        "step": np.array([point["step"] for point in courses[0]], np.float64),
        "seconds": np.mean([[point["seconds"] for point in course] for course in courses], axis=0),
        "mean": values.mean(0),
        "spread": values.std(0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1]),
    }


def hardest(results: Results, count: int) -> list[int]:
    """Indices of the measured pairs whose peak is farthest off in the mean over all losses: no loss chooses them."""
    distances = np.array([run["probes"]["distance"] for runs in results.values() for run in runs])
    order = np.argsort(-distances.mean(0), kind="stable")
    return [int(index) for index in order[:count]]


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table as Markdown, for the documentation."""
    head = "| loss | rate | " + " | ".join(f"{title} | to reference" for title in METRICS.values())
    lines = [f"{head} | peak distance | hit rate |", "|---|---:|" + "---:|" * (2 * len(METRICS) + 2)]
    for row in rows:
        cells = [f"`{row['label']}`", f"{row['rate']:.3g}{'*' if row['at_edge'] else ''}"]
        for metric in METRICS:
            entry = row[metric]
            cells.append(f"{entry['mean']:.3f} {_brackets(entry['interval'])}")
            cells.append("" if entry["difference"] is None else _signed(entry))
        cells += [
            f"{row[name]['mean']:.3f} ± {row[name]['spread']:.3f}" for name in ("peak_distance", "hit_rate")
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _by_clip(runs: Sequence[Mapping[str, Any]]) -> dict[str, Floats]:
    """Each metric as ``(seeds, clips)``."""
    clips = list(runs[0]["clips"])
    return {
        metric: np.array([[run["clips"][clip][metric] for clip in clips] for run in runs])
        for metric in METRICS
    }


def _entry(values: Floats, reference: Floats, *, is_reference: bool) -> dict[str, Any]:
    by_clip, difference = values.mean(0), values.mean(0) - reference.mean(0)
    return {
        "mean": float(by_clip.mean()),
        "interval": bootstrap(by_clip).tolist(),
        "spread": _spread(values.mean(1)),
        "difference": None if is_reference else float(difference.mean()),
        "difference_interval": None if is_reference else bootstrap(difference).tolist(),
    }


def _ends(runs: Sequence[Mapping[str, Any]], name: str) -> dict[str, float]:
    last = np.array([run["course"][-1][name] for run in runs])
    return {"mean": float(last.mean()), "spread": _spread(last)}


def _spread(values: Floats) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def _pace(runs: Sequence[Mapping[str, Any]]) -> float:
    return float(np.mean([run["course"][-1]["seconds"] / run["course"][-1]["step"] for run in runs]))


def _at_edge(run: Mapping[str, Any]) -> bool:
    """Whether a rate beyond those that were tried might have been better still."""
    tried = sorted(float(factor) for factor in run["search"])
    return len(tried) > 1 and run["factor"] in (tried[0], tried[-1])


def _brackets(interval: Sequence[float]) -> str:
    return f"[{interval[0]:.3f}, {interval[1]:.3f}]"


def _signed(entry: Mapping[str, Any]) -> str:
    low, high = entry["difference_interval"]
    return f"{entry['difference']:+.3f} [{low:+.3f}, {high:+.3f}]"
