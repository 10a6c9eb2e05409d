"""``python -m experiments report``: scores, plots, tables and a page from result files."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from experiments.command import Command

if TYPE_CHECKING:
    from experiments.report.summary import Summary
    from experiments.scoring.annotations import Annotations
    from experiments.scoring.evaluation import Evaluation

_PROBLEMS_PRINTED = 20


@dataclass(kw_only=True)
class Report(Command):
    """Score result files; write plots, tables and a page that shows where and why a tracker fails."""

    results_dir: Positional[Path]
    """Folder that holds the results as OTB2015/TRACKER/SEQUENCE.txt."""

    dataset: str
    """Name of the benchmark: otb2013, otb50, otb2015, got10k, …"""

    root: Path
    """Folder of the dataset, or a JSON file with its annotations."""

    trackers: str | None = None
    """Trackers to compare, with commas between them; by default all that have results."""

    output: Path | None = None
    """Folder for the report; by default runs/report/ and the dataset's name."""

    baselines: bool = False
    """Compare with published trackers too (on OTB)."""

    subset: str | None = None
    """Part of the dataset, e.g. 30 of nfs, UAV20L of uav123, train of lasot; by default its usual one."""

    rules: Literal["otb", "lasot", "got10k"] | None = None
    """Whose rules to follow; by default those of the dataset's own toolkit, got10k's where there is none."""

    def run(self) -> int:
        """Write the report; return 1 if a tracker lacks usable results of some sequence."""
        from data.files import remove_left_overs
        from experiments.report.page import write_report_page
        from experiments.runtime.lock import holding
        from experiments.scoring.annotations import read_annotations
        from experiments.scoring.record import made
        from experiments.scoring.result_files import find_trackers, present_protocols

        annotations = read_annotations(self.dataset, self.root, self.subset)
        protocols = present_protocols(self.results_dir, annotations.results_name)
        names = [name.strip() for name in (self.trackers or "").split(",") if name.strip()]
        first, *others = protocols
        trackers = {first: find_trackers(protocols[first], names)}
        for protocol in others:  # a tracker that was not run under this protocol is not in its tables
            found = find_trackers(protocols[protocol])
            trackers[protocol] = [path for path in found if not names or path.name in names]
        evaluations = {
            protocol.upper(): self._evaluate(protocol, folders, annotations)
            for protocol, folders in trackers.items()
            if folders
        }
        lines = (line for evaluation in evaluations.values() for line in evaluation.problems)
        print_problems(list(dict.fromkeys(lines)))
        folder = self.output or Path("runs/report") / annotations.dataset
        main = evaluations[first.upper()]
        provenance = {
            "command": self.command_line,
            "made from": f"{self.results_dir} and {self.root}, rules of {main.rules}",
            **{path.name: made(path) for path in trackers[first]},
        }
        with holding(folder, "another report"):
            remove_left_overs(folder)
            summaries = write_files(folder, evaluations, annotations.dataset)
            write_report_page(folder, summaries, annotations.sequences, main, provenance)
        print(f"report in {folder}: open {folder / 'report.html'}")
        return int(any(one.lacks(main.attributes) for one in main.results))

    def _evaluate(self, protocol: str, folders: Sequence[Path], annotations: "Annotations") -> "Evaluation":
        from experiments.report.baselines import with_baselines
        from experiments.scoring.evaluation import evaluate
        from experiments.scoring.metrics import usual_rules

        rules = self.rules or usual_rules(annotations.dataset)
        found = evaluate(folders, annotations, rules, protocol)
        if not found.means() and not any(one.resets for one in found.results):
            raise ValueError(
                f"no result in {folders[0].parent} can be scored: {'; '.join(found.problems[:2])}"
            )
        return with_baselines(found, annotations.dataset) if self.baselines and protocol == "ope" else found


def print_problems(problems: Sequence[str]) -> None:
    """Print the first problems on stderr, and how many more there are."""
    from data.files import printable

    for line in problems[:_PROBLEMS_PRINTED]:
        print(f"warning: {printable(line)}", file=sys.stderr)
    if len(problems) > _PROBLEMS_PRINTED:
        print(f"warning: {len(problems) - _PROBLEMS_PRINTED} more in the report", file=sys.stderr)


def write_files(folder: Path, evaluations: Mapping[str, "Evaluation"], dataset: str) -> dict[str, "Summary"]:
    """Write plots, tables and JSON, print the ranking, and return the summaries by protocol."""
    from data.files import write_text
    from experiments.report.summary import summarise
    from experiments.report.tables import csv_table, latex, markdown, ranking
    from experiments.runtime.lock import make_folder

    make_folder(folder)
    summaries = {}
    for protocol, evaluation in evaluations.items():
        summary = summaries[protocol] = summarise(evaluation, dataset)
        if evaluation.means():
            write_plots(folder / "plots", evaluation, [one["name"] for one in summary["trackers"]])
        print(ranking(summary))
    texts = {
        "report.json": json.dumps(summaries, indent=1) + "\n",
        "report.csv": csv_table(summaries.values()),
        "report.md": "\n".join(map(markdown, summaries.values())),
        "report.tex": "\n".join(map(latex, summaries.values())),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return summaries


def write_plots(folder: Path, evaluation: "Evaluation", ranked: Sequence[str]) -> None:
    """Write the curves over all sequences and by attribute, as PNG, PDF and SVG.

    Args:
        folder: created if it does not exist.
        evaluation: the scores to draw.
        ranked: its trackers in the order of their colours; the best ones get different colours.
    """
    from experiments.drawing import curves as plots
    from experiments.report.summary import attributes_of

    folder.mkdir(parents=True, exist_ok=True)
    protocol, total = evaluation.protocol.upper(), len(evaluation.attributes)
    scored = {one.name: len(one.scores) for one in evaluation.results}
    labels = {name: name if n == total else f"{name} ({n} of {total})" for name, n in scored.items()}
    scores = evaluation.means()
    means = {labels[name]: scores[name] for name in ranked if name in scores}
    kinds = [plots.SUCCESS, plots.PRECISION, plots.NORMALISED_PRECISION]
    if evaluation.by_frames:
        kinds = [plots.RATE]
    figures = {plot.curve: plots.curves_figure(plot, means, protocol) for plot in kinds}
    panels = {}
    for short, full in attributes_of(evaluation).items():
        if scores := evaluation.means(short):
            title = f"{full} ({len(evaluation.with_attribute(short))})"
            panels[title] = {name: scores[name] for name in ranked if name in scores}
    if panels:
        for one in kinds[:2]:
            figures[f"{one.curve}_attributes"] = plots.attributes_figure(one, panels, protocol)
    for name, figure in figures.items():
        for suffix in plots.FORMATS:
            stem = name if evaluation.protocol == "ope" else f"{name}_{evaluation.protocol}"
            plots.save(figure, folder / f"{stem}.{suffix}")
