"""The page of a comparison, ``index.html``, its numbers, ``comparison.json``, and its tables as Markdown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.boxes import Floats, Image
from data.files import write_json, write_text
from experiments.compare.clips import clips_at, probe_pairs
from experiments.compare.figures import TITLES, convergence, differences, easy_background, strips
from experiments.compare.online import build, probes
from experiments.compare.plan import STAGES, Stage, Unit
from experiments.compare.settings import ComparisonSettings, as_mapping
from experiments.compare.tables import METRICS, Results, course_of, markdown, reference_of, summarise
from experiments.drawing.figures import house_style
from experiments.drawing.pages import write_page

TEMPLATE = Path(__file__).with_name("compare.html")


def write_comparison(
    folder: Path,
    settings: ComparisonSettings,
    results: Mapping[tuple[Stage, str], Sequence[Mapping[str, Any]]],
    missing: int = 0,
) -> Path:
    """Write the page of a comparison, its figures, tables and numbers.

    Args:
        folder: the comparison's folder.
        settings: the comparison's settings.
        results: for each stage and loss the results of its seeds.
        missing: number of runs that are still to come.

    Returns:
        The page's path.

    Raises:
        RuntimeError: every run failed.
    """
    sections = []
    with house_style():
        for stage in STAGES:
            own: Results = {label: runs for (at, label), runs in results.items() if at == stage}
            if own:
                sections.append(_section(folder, stage, own, settings))
    if not sections:
        raise RuntimeError("there is nothing to compare: every run failed, see the messages above")
    made = [run["made"] for runs in results.values() for run in runs]
    record = {
        "settings": as_mapping(settings),
        "machines": sorted({one["machine"] for one in made}),
        "commits": sorted({str(one["versions"]["commit"]) for one in made}),
        "versions": made[-1]["versions"],
        "clips": {
            name: {clip.name: len(clip) for clip in clips_at(place)}
            for name, place in (("validation", settings.validation), ("test", settings.test))
        },
        "stages": {section["stage"]: section["record"] for section in sections},
    }
    write_json(folder / "comparison.json", record)
    page = folder / "index.html"
    write_page(page, TEMPLATE, sections=sections, metrics=METRICS, missing=missing, **record)
    return page


def _section(folder: Path, stage: Stage, results: Results, settings: ComparisonSettings) -> dict[str, Any]:
    """Write a stage's figures and table; return what the page shows of the stage."""
    rows, reference = summarise(results), reference_of(list(results))
    crops = _measured_crops(stage, settings)
    plots = [
        convergence(stage, results),
        differences(stage, rows, reference),
        easy_background(stage, results),
        strips(stage, results, crops),
    ]
    drawn = [plot for plot in plots if plot is not None]
    for plot in drawn:
        plot.save(folder)
    write_text(folder / f"{stage}.md", markdown(rows))
    courses = {
        label: {
            measure: {name: values.tolist() for name, values in course_of(runs, measure).items()}
            for measure in ("peak_distance", "hit_rate", "ao")
            if any(measure in point for point in runs[0]["course"])
        }
        for label, runs in results.items()
    }
    background = {label: [run["easy_background"] for run in runs] for label, runs in results.items()}
    record = {"reference": reference, "table": rows, "courses": courses, "easy_background": background}
    section = {"stage": stage, "title": TITLES[stage], "reference": reference}
    return section | {"rows": rows, "plots": drawn, "record": record}


def _measured_crops(stage: Stage, settings: ComparisonSettings) -> list[tuple[Image, Floats]]:
    """The search crops whose responses are kept, and the target's box in each."""
    clips = clips_at(settings.test)
    if stage == "online":
        tracker = build(Unit("online", "final", "l2", {"name": "l2"}, 0, 1.0), settings.online)
        return [probe for clip in clips for probe in probes(clip, tracker)]
    dataset = probe_pairs(clips, settings.train.data, settings.budget.probes)
    pairs = (dataset[index] for index in range(len(dataset)))
    return [(pair.search, np.asarray(pair.search_bbox)) for pair in pairs]
