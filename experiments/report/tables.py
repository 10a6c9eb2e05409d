"""A summary as Markdown, as LaTeX and as CSV."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from experiments.drawing.markdown import markdown_table
from experiments.report.summary import Summary
from experiments.scoring.bootstrap import FEW

HEADINGS = {
    "success_auc": "success AUC",
    "precision_20": "precision at 20 px",
    "normalised_precision_20": "normalised precision at 0.2",
    "normalised_precision_auc": "normalised precision, area to 0.5",
    "ao": "AO",
    "sr_50": "SR 0.50",
    "sr_75": "SR 0.75",
}
"""Metric -> its usual name."""

CLASS_MEANS = {"mao": "mAO", "msr_50": "mSR 0.50", "msr_75": "mSR 0.75"}
"""Means over the classes of targets -> what GOT-10k calls them."""

SPEEDS = {
    "fps": "fps (frames / time)",
    "mean_fps": "fps (mean of sequences)",
    "hz": "Hz (mean of 1 / time)",
    "median_ms": "median ms",
    "p95_ms": "95 % under ms",
}
"""Attribute of a `Timing` -> what it is: papers have three kinds of speed."""

_Row = list[str]


def ranking(summary: Summary) -> str:
    """One line for each tracker, the best first: protocol, score, number of sequences."""
    metric, total = summary["rank_metric"], len(summary["sequences"])
    lines = []
    for tracker in summary["trackers"]:
        value = _value(tracker["metrics"][metric]["value"], "none")
        count = f"{tracker['scored']} of {total} sequences"
        lines.append(f"{summary['protocol']} {tracker['name']}: {HEADINGS[metric]} {value}, {count}")
    return "\n".join(lines)


def markdown(summary: Summary) -> str:
    """All of the summary's tables, for a README or an issue."""
    metric = summary["rank_metric"]
    title = f"{summary['protocol']} on {summary['dataset']}, rules of {summary['rules']}"
    sections = [
        (title, _overall(summary, "–")),
        ("Every class of targets the same", _by_class(summary)),
        ("Speed", _numbers(summary, "timing", {title: (name, 1) for name, title in SPEEDS.items()})),
        ("Measures of VOT", _resets(summary)),
        ("VOT by attribute, frame by frame: accuracy / failures", _resets_by_attribute(summary)),
        (f"{HEADINGS[metric]} by attribute", _by_attribute(summary, metric)),
        (f"Paired differences of {HEADINGS[metric]}", _differences(summary, metric)),
    ]
    escaped = [
        (title, [[cell.translate(_MARKDOWN) for cell in row] for row in rows])
        for title, rows in sections
        if len(rows) > 1
    ]
    parts = [f"## {title}\n\n{markdown_table(heads, rows).rstrip()}" for title, (heads, *rows) in escaped]
    if summary["problems"]:
        parts.append(
            "## Problems\n\n" + "\n".join(f"- {line.translate(_MARKDOWN)}" for line in summary["problems"])
        )
    notes = [_INTERVALS, _FEW] if len(summary["sequences"]) < FEW else [_INTERVALS]
    return "\n\n".join([*parts, *notes]) + "\n"


def csv_table(summaries: Iterable[Summary]) -> str:
    """A row for every protocol, tracker and sequence with every metric; empty where there is no value."""
    lines = [["protocol", "tracker", "sequence", *HEADINGS]]
    for summary in summaries:
        for tracker in summary["trackers"]:
            for sequence in summary["sequences"]:
                values = [tracker["sequences"][metric][sequence] for metric in HEADINGS]
                cells = ["" if value is None else f"{value:.6f}" for value in values]
                lines.append([summary["protocol"], tracker["name"], sequence, *cells])
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def latex(summary: Summary) -> str:
    """The table of the trackers' means, for a paper; needs the package booktabs."""
    rows = _overall(summary, "--")
    lines = [" & ".join(cell.translate(_LATEX) for cell in row) + r" \\" for row in rows]
    begin = r"\begin{tabular}{l" + "c" * (len(rows[0]) - 1) + "}"
    body = [r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"]
    return "\n".join([begin, *body, r"\end{tabular}", ""])


_INTERVALS = (
    "Brackets hold 95 % intervals, bootstrapped over sequences. A difference whose interval holds 0 is no "
    "evidence that one tracker is better. A tracker without all sequences comes last: its means are over other "
    "sequences than the rest's."
)

_FEW = (
    f"With fewer than {FEW} sequences these intervals are too narrow (docs/metrics.md); Student's t is in the page and "
    "in report.json."
)


def _overall(summary: Summary, dash: str) -> list[_Row]:
    total = len(summary["sequences"])
    rows = [["tracker", *HEADINGS.values(), "sequences"]]
    for tracker in summary["trackers"]:
        scored = tracker["scored"]
        count = str(scored) if scored == total else f"incomplete: {scored} of {total}"
        cells = [_estimate(tracker["metrics"][metric], dash) for metric in HEADINGS]
        rows.append([tracker["name"], *cells, count])
    return rows


def _by_class(summary: Summary) -> list[_Row]:
    return _numbers(summary, "by_class", {title: (name, 3) for name, title in CLASS_MEANS.items()})


def _resets(summary: Summary) -> list[_Row]:
    columns = {"accuracy": ("accuracy", 3), "failures": ("failures", 1)}
    columns |= {"failures per 100 frames": ("failures_per_100", 2), "EAO": ("eao", 3)}
    columns |= {"AO without resets": ("ao", 3)}
    return _numbers(summary, "resets", columns)


def _resets_by_attribute(summary: Summary) -> list[_Row]:
    scores = {one["name"]: one["resets"]["by_attribute"] for one in summary["trackers"] if one["resets"]}
    frames = {
        name: score["frames"] for by_attribute in scores.values() for name, score in by_attribute.items()
    }
    rows = [["attribute", "frames", *scores]]
    for name, count in frames.items():
        found = [by_attribute.get(name, {}) for by_attribute in scores.values()]
        cells = [
            f"{_value(one.get('accuracy'), '–')} / {_value(one.get('failures'), '–', 1)}" for one in found
        ]
        rows.append([name, str(count), *cells])
    return rows


def _numbers(summary: Summary, part: str, columns: dict[str, tuple[str, int]]) -> list[_Row]:
    """A row for each tracker that has the part; ``columns``: heading -> key in the part, and digits."""
    return [["tracker", *columns]] + [
        [one["name"], *(_value(one[part][key], "–", digits) for key, digits in columns.values())]
        for one in summary["trackers"]
        if one[part]
    ]


def _by_attribute(summary: Summary, metric: str) -> list[_Row]:
    names = [one["name"] for one in summary["trackers"]]
    rows = [["attribute", "sequences", *names]]
    has_scores = any(one["trackers"] for one in summary["attributes"])  # runs with resets alone have none
    for attribute in summary["attributes"] if has_scores else ():
        values = (_value(attribute["trackers"].get(name, {}).get(metric), "–") for name in names)
        rows.append([attribute["full_name"], str(attribute["count"]), *values])
    return rows


def _differences(summary: Summary, metric: str) -> list[_Row]:
    rows = [["trackers", "difference", "sequences of both"]]
    for one in summary["differences"]:
        difference = _estimate(one["metrics"][metric], "–")
        rows.append([f"{one['first']} − {one['second']}", difference, str(one["sequences"])])
    return rows


def _estimate(estimate: dict[str, Any], dash: str) -> str:
    value = _value(estimate["value"], dash)
    if estimate["low"] is None:
        return value
    return f"{value} [{_value(estimate['low'], dash)}, {_value(estimate['high'], dash)}]"


def _value(value: float | None, dash: str, digits: int = 3) -> str:
    return dash if value is None else f"{value:.{digits}f}"


_MARKDOWN = str.maketrans({**{c: "\\" + c for c in "|\\`*_[]"}, "<": "&lt;", ">": "&gt;", "&": "&amp;"})
_NAMED = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_LATEX = str.maketrans({**{c: "\\" + c for c in "{}$&#%_"}, **_NAMED})
