"""The numbers of a comparison: means, bootstrap intervals, differences to the reference."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data.boxes import Floats
from experiments.drawing.markdown import markdown_table
from experiments.scoring.bootstrap import bootstrap

METRICS = {"success_auc": "Success AUC", "precision_20": "Precision@20", "ao": "AO"}

Results = Mapping[str, Sequence[Mapping[str, Any]]]
"""Results of one stage: label of a loss -> result of each seed."""


def reference_of(labels: Sequence[str]) -> str:
    """The loss that the others are compared with: ``l2``, or the first where it is not among them."""
    return "l2" if "l2" in labels else labels[0]


def summarise(results: Results) -> list[dict[str, Any]]:
    """Summarise each loss in a row.

    A clip counts by its mean over the seeds, because seeds are not independent of one another as clips are.
    Intervals are bootstrapped over clips; a difference's is over the paired differences, clip by clip.

    Returns:
        For each loss ``label``, ``rate``, ``at_edge`` (the search chose its lowest or highest rate), ``seeds``,
        ``seconds_per_step``; for each of `METRICS` ``mean``, ``interval``, ``spread`` (standard deviation over the
        seeds; 0 of one), ``difference`` and ``difference_interval`` (None for the reference); and ``mean`` and
        ``spread`` of ``peak_distance`` and ``hit_rate`` at the end of the runs.
    """
    reference = reference_of(list(results))
    against = _by_clip(results[reference])
    return [
        {
            "label": label,
            "rate": runs[0]["rate"],
            "at_edge": _at_edge(runs[0]),
            "seeds": len(runs),
            "seconds_per_step": float(np.mean([end["seconds"] / end["step"] for end in _ends(runs)])),
            **{
                metric: _entry(values, against[metric], is_reference=label == reference)
                for metric, values in _by_clip(runs).items()
            },
            **{
                name: _mean_and_spread(np.array([end[name] for end in _ends(runs)]))
                for name in ("peak_distance", "hit_rate")
            },
        }
        for label, runs in results.items()
    ]


def course_of(runs: Sequence[Mapping[str, Any]], measure: str) -> dict[str, Floats]:
    """Collect a measure along the runs: ``step``, ``seconds``, ``mean`` and ``spread`` (over seeds; 0 of one)."""
    courses = [[point for point in run["course"] if measure in point] for run in runs]
    values = np.array([[point[measure] for point in course] for course in courses])
    return {
        "step": np.array([point["step"] for point in courses[0]], np.float64),
        "seconds": np.mean([[point["seconds"] for point in course] for course in courses], axis=0),
        "mean": values.mean(0),
        "spread": values.std(0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1]),
    }


def hardest(results: Results, count: int) -> list[int]:
    """Indices of the measured pairs with the largest peak distance in the mean over all losses and seeds."""
    distances = np.array([run["probes"]["distance"] for runs in results.values() for run in runs])
    order = np.argsort(-distances.mean(0), kind="stable")
    return [int(index) for index in order[:count]]


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table as Markdown, for the documentation."""
    heads = ["loss", "rate", *(head for title in METRICS.values() for head in (title, "to reference"))]
    table = []
    for row in rows:
        cells = [f"`{row['label']}`", f"{row['rate']:.3g}{'*' if row['at_edge'] else ''}"]
        for metric in METRICS:
            entry = row[metric]
            cells.append("{:.3f} [{:.3f}, {:.3f}]".format(entry["mean"], *entry["interval"]))
            differs = entry["difference"], *(entry["difference_interval"] or ())
            cells.append("" if differs[0] is None else "{:+.3f} [{:+.3f}, {:+.3f}]".format(*differs))
        cells += [
            f"{row[name]['mean']:.3f} ± {row[name]['spread']:.3f}" for name in ("peak_distance", "hit_rate")
        ]
        table.append(cells)
    return markdown_table([*heads, "peak distance", "hit rate"], table)


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
        **_mean_and_spread(values.mean(1)),
        "interval": bootstrap(by_clip).tolist(),
        "difference": None if is_reference else float(difference.mean()),
        "difference_interval": None if is_reference else bootstrap(difference).tolist(),
    }


def _ends(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [run["course"][-1] for run in runs]


def _mean_and_spread(of_seeds: Floats) -> dict[str, float]:
    spread = float(of_seeds.std(ddof=1)) if len(of_seeds) > 1 else 0.0
    return {"mean": float(of_seeds.mean()), "spread": spread}


def _at_edge(run: Mapping[str, Any]) -> bool:
    """Whether the chosen rate is the lowest or highest tried: one beyond it might be better."""
    tried = sorted(float(factor) for factor in run["search"])
    return len(tried) > 1 and run["factor"] in (tried[0], tried[-1])
