"""``python -m experiments report``: scores, plots, tables and a page from result files."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from experiments.command import Command

if TYPE_CHECKING:
    from experiments.evaluation import Evaluation
    from experiments.summary import Summary

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
    """Trackers to compare, with commas between them; all that there are by default."""

    output: Path | None = None
    """Folder for the report; by default runs/report/ and the dataset's name."""

    baselines: bool = False
    """Compare with published trackers too (on OTB)."""

    protocol: Literal["otb", "got10k"] | None = None
    """Whose rules to follow; by default OTB's own for OTB, and got10k's elsewhere."""

    def run(self) -> int:
        """Write the report; 1 when a tracker lacks usable results of some sequence."""
        from experiments.annotations import read_annotations
        from experiments.evaluation import evaluate
        from experiments.published import with_baselines
        from experiments.summary import summarise

        annotations = read_annotations(self.dataset, self.root)
        names = [name.strip() for name in (self.trackers or "").split(",") if name.strip()]
        protocol = self.protocol or ("otb" if self.dataset.startswith("otb") else "got10k")
        own = evaluate(self.results_dir, annotations, names, protocol)
        for line in own.problems[:_PROBLEMS_PRINTED]:
            print(f"warning: {line}", file=sys.stderr)
        if len(own.problems) > _PROBLEMS_PRINTED:
            print(f"warning: {len(own.problems) - _PROBLEMS_PRINTED} more in the report", file=sys.stderr)
        if not own.means():
            raise ValueError(f"no result file in {self.results_dir} could be scored; the lines above say why")
        evaluation = with_baselines(own, self.dataset) if self.baselines else own
        folder = self.output or Path("runs/report") / self.dataset
        self._write(folder, evaluation, summarise(evaluation, self.dataset))
        return int(any(len(one.scores) < len(own.attributes) for one in own.results))

    def _write(self, folder: Path, evaluation: "Evaluation", summary: "Summary") -> None:
        from data.files import replacing
        from experiments.tables import HEADINGS, latex, markdown

        folder.mkdir(parents=True, exist_ok=True)
        write_plots(folder / "plots", evaluation)
        texts = {
            "report.json": json.dumps(summary, indent=1) + "\n",
            "report.md": markdown(summary),
            "report.tex": latex(summary),
        }
        for name, text in texts.items():
            with replacing(folder / name) as temporary:
                temporary.write_text(text, "utf-8")
        metric, total = summary["rank_metric"], len(summary["sequences"])
        for tracker in summary["trackers"]:
            value = tracker["metrics"][metric]["value"]
            score = "no score" if value is None else f"{HEADINGS[metric]} {value:.3f}"
            print(f"{tracker['name']}: {score}, {tracker['scored']} of {total} sequences")
        print(f"report in {folder}")


def write_plots(folder: Path, evaluation: "Evaluation") -> None:
    """Write the curves over all sequences and by attribute, as PNG, PDF and SVG."""
    from experiments.plots import (
        FORMATS,
        NORMALISED_PRECISION,
        PRECISION,
        RATE,
        SUCCESS,
        attributes_figure,
        curves_figure,
        save,
    )
    from experiments.summary import attributes_of

    folder.mkdir(parents=True, exist_ok=True)
    total = len(evaluation.attributes)
    scored = {one.name: len(one.scores) for one in evaluation.results}
    labels = {name: name if n == total else f"{name} ({n} of {total})" for name, n in scored.items()}
    means = {labels[name]: one for name, one in evaluation.means().items()}
    plots = (RATE,) if evaluation.by_frames else (SUCCESS, PRECISION, NORMALISED_PRECISION)
    figures = {plot.name: curves_figure(plot, means) for plot in plots}
    panels = {
        f"{full} ({len(evaluation.with_attribute(short))})": evaluation.means(short)
        for short, full in attributes_of(evaluation).items()
    }
    if panels:
        figures |= {f"{plot.name}_attributes": attributes_figure(plot, panels, "OPE") for plot in plots[:2]}
    for name, figure in figures.items():
        for suffix in FORMATS:
            save(figure, folder / f"{name}.{suffix}")
