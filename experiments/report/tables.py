"""A summary as Markdown and as LaTeX."""

from typing import Any

from experiments.report.summary import Summary

HEADINGS = {
    "success_auc": "success AUC",
    "precision_20": "precision at 20 px",
    "normalised_precision_20": "normalised precision at 0.2",
    "normalised_precision_auc": "normalised precision, area to 0.5",
    "ao": "AO",
    "sr_50": "SR 0.50",
    "sr_75": "SR 0.75",
}
"""Metric -> what people call it."""

_Row = list[str]


def ranking(summary: Summary) -> str:
    """A line a tracker, the best first: how it was run, its score, and over how many sequences."""
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
    sections = [
        (
            f"{summary['protocol']} on {summary['dataset']}, rules of {summary['rules']}",
            _overall(summary, "–"),
        ),
        ("Speed", _speed(summary)),
        ("Measures of VOT", _resets(summary)),
        (f"{HEADINGS[metric]} by attribute", _by_attribute(summary, metric)),
        (f"Paired differences of {HEADINGS[metric]}", _differences(summary, metric)),
    ]
    parts = [f"## {title}\n\n{_markdown_table(rows)}" for title, rows in sections if len(rows) > 1]
    if summary["problems"]:
        parts.append("## Problems\n\n" + "\n".join(f"- {_markdown(line)}" for line in summary["problems"]))
    return "\n\n".join([*parts, _INTERVALS]) + "\n"


def latex(summary: Summary) -> str:
    """The table of the trackers' means, for a paper; needs the package booktabs."""
    rows = _overall(summary, "--")
    lines = [" & ".join(map(_latex, row)) + r" \\" for row in rows]
    return "\n".join(
        [
            r"\begin{tabular}{l" + "c" * (len(rows[0]) - 1) + "}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


_INTERVALS = (
    "Brackets hold 95 % intervals, bootstrapped over sequences. A difference whose interval holds 0 is no "
    "evidence that one tracker is better. A tracker without all sequences comes last: its means are over other "
    "sequences than the rest's."
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


def _speed(summary: Summary) -> list[_Row]:
    timings = [(one["name"], one["timing"]) for one in summary["trackers"] if one["timing"]]
    return [
        ["tracker", "fps", "median ms", "95 % under ms"],
        *(
            [name, *(_value(time[key], "–", 1) for key in ("fps", "median_ms", "p95_ms"))]
            for name, time in timings
        ),
    ]


def _resets(summary: Summary) -> list[_Row]:
    scores = [(one["name"], one["resets"]) for one in summary["trackers"] if one["resets"]]
    return [
        ["tracker", "accuracy", "failures", "failures per 100 frames", "EAO", "AO without resets"],
        *(
            [
                name,
                _value(one["accuracy"], "–"),
                _value(one["failures"], "–", 0),
                _value(one["failures_per_100"], "–", 2),
                _value(one["eao"], "–"),
                _value(one["ao"], "–"),
            ]
            for name, one in scores
        ),
    ]


def _by_attribute(summary: Summary, metric: str) -> list[_Row]:
    names = [one["name"] for one in summary["trackers"]]
    rows = [["attribute", "sequences", *names]]
    for attribute in summary["attributes"]:
        values = [attribute["trackers"].get(name, {}).get(metric) for name in names]
        rows.append(
            [attribute["full_name"], str(attribute["count"]), *(_value(value, "–") for value in values)]
        )
    return rows


def _differences(summary: Summary, metric: str) -> list[_Row]:
    return [
        ["trackers", "difference", "sequences of both"],
        *(
            [
                f"{one['first']} − {one['second']}",
                _estimate(one["metrics"][metric], "–"),
                str(one["sequences"]),
            ]
            for one in summary["differences"]
        ),
    ]


def _estimate(estimate: dict[str, Any], dash: str) -> str:
    value = _value(estimate["value"], dash)
    if estimate["low"] is None:
        return value
    return f"{value} [{_value(estimate['low'], dash)}, {_value(estimate['high'], dash)}]"


def _value(value: float | None, dash: str, digits: int = 3) -> str:
    return dash if value is None else f"{value:.{digits}f}"


def _markdown_table(rows: list[_Row]) -> str:
    lines = ["| " + " | ".join(map(_markdown, row)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _markdown(text: str) -> str:
    return text.translate(_MARKDOWN)


def _latex(text: str) -> str:
    return text.translate(_LATEX)


_MARKDOWN = str.maketrans({**{c: "\\" + c for c in "|\\`*_[]"}, "<": "&lt;", ">": "&gt;", "&": "&amp;"})
_LATEX = str.maketrans(
    {
        **{c: "\\" + c for c in "{}$&#%_"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)
