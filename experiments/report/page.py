"""The page of a report. It is opened from disk, without a network, and draws every tracker's box on the frames."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from data.datasets.clip import Clip
from data.files import check_name, naming_the_file, read_text, write_text
from experiments.drawing.curves import NORMALISED_PRECISION, PRECISION, RATE, SUCCESS
from experiments.drawing.pages import write_page
from experiments.drawing.palette import as_hex, colours, repeats
from experiments.report.sequences import BYTES_PER_BOX, link_frames, sequence_record, write_thumbnails
from experiments.report.summary import Summary
from experiments.report.tables import CLASS_MEANS, HEADINGS, SPEEDS
from experiments.runtime.progress import progress_bar
from experiments.runtime.provenance import machine, versions
from experiments.scoring.bootstrap import FEW
from experiments.scoring.evaluation import Evaluation

ASSETS = Path(__file__).with_name("assets")
"""The page's own script, style and template."""

WRITTEN = "written.txt"
"""List, in ``assets/``, of the boxes and pictures that a report wrote: the next one removes these and no others."""

SIZE_LIMIT = 55e6
"""Approximate size of a report in bytes; frames are left out until it is met."""

_FIXED_BYTES = 10e6  # plotly, and the plots, tables and curves of many trackers
_DASHES = ("solid", "dash", "dot", "dashdot")
_PLOTS = (SUCCESS, PRECISION, NORMALISED_PRECISION, RATE)


def write_report_page(
    folder: Path,
    summaries: Mapping[str, Summary],
    sequences: Mapping[str, Clip],
    evaluation: Evaluation,
    provenance: Mapping[str, str],
) -> None:
    """Write ``report.html`` and, in ``assets/``, what it loads.

    Args:
        folder: of the report; must exist.
        summaries: how the trackers were run -> what came out.
        sequences: the ground truth, by name.
        evaluation: the one whose boxes are shown.
        provenance: what the report and its results were made by and from, in words; empty ones are left out.
    """
    from plotly.offline import get_plotlyjs

    assets = folder / "assets"
    assets.mkdir(exist_ok=True)
    write_text(assets / "plotly.min.js", get_plotlyjs())
    for name in ("links.js", "report.js", "tables.js", "viewer.js"):
        write_text(assets / name, (ASSETS / name).read_text("utf-8"))
    files = {name: f"{number:04d}" for number, name in enumerate(sequences)}
    _write_script(assets / "data.js", "window.REPORT", _content(summaries, files))
    _write_sequences(folder, sequences, files, evaluation)
    beside = [*sorted(folder.glob("report.[cjmt]*")), *sorted(folder.glob("plots/*.png"))]
    problems = dict.fromkeys(line for summary in summaries.values() for line in summary["problems"])
    write_page(
        folder / "report.html",
        ASSETS / "report.html",
        summary=next(iter(summaries.values())),
        protocols=list(summaries),
        problems=list(problems),
        headings=HEADINGS,
        files=[path.relative_to(folder).as_posix() for path in beside],
        provenance={
            **{name: text for name, text in provenance.items() if text},
            "this page": f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}, {machine()}, "
            + ", ".join(f"{name} {version}" for name, version in versions().items()),
        },
    )


def _content(summaries: Mapping[str, Summary], files: Mapping[str, str]) -> dict[str, Any]:
    """The data that the page needs before a sequence is opened."""
    shown = [{**summary, "problems": []} for summary in summaries.values()]
    names = list(dict.fromkeys(one["name"] for summary in shown for one in summary["trackers"]))
    chosen = colours(names)
    by_frames = shown[0]["rank_metric"] == "ao"
    return {
        "protocols": dict(zip(summaries, shown, strict=True)),
        "headings": HEADINGS,
        "speeds": SPEEDS,
        "classMeans": CLASS_MEANS,
        "colours": {name: as_hex(colour) for name, colour in chosen.items()},
        "dashes": {name: _DASHES[turn % len(_DASHES)] for name, turn in repeats(chosen).items()},
        "plots": [
            {name: getattr(plot, name) for name in ("curve", "metric", "title", "xlabel", "ylabel")}
            | {"thresholds": plot.thresholds.tolist()}
            for plot in _PLOTS
            if (plot is RATE) == by_frames
        ],
        "files": files,
        "few": FEW,
    }


def _write_sequences(
    folder: Path, sequences: Mapping[str, Clip], files: Mapping[str, str], evaluation: Evaluation
) -> None:
    """Write the boxes of each sequence, and pictures of its frames; those of an earlier report go at the end."""
    written = folder / "assets" / WRITTEN
    earlier, now = _listed(written), list[str]()
    (folder / "assets" / "sequences").mkdir(exist_ok=True)
    trackers = [one for one in evaluation.results if one.bboxes]
    boxes = sum(len(one.bboxes) for one in sequences.values()) * (len(trackers) + 1)
    left = SIZE_LIMIT - _FIXED_BYTES - BYTES_PER_BOX * boxes
    budget = max(left, 0.1 * SIZE_LIMIT) / len(sequences)
    for name, sequence in progress_bar(sequences.items(), total=len(sequences), unit="sequence"):
        bboxes = {one.name: one.bboxes[name] for one in trackers if name in one.bboxes}
        record = sequence_record(sequence, bboxes, evaluation.rules)
        failures = {one["first_failure"] for one in record["trackers"]} - {None}
        pictures = folder / "assets" / "frames" / files[name]
        record |= write_thumbnails(sequence, failures, pictures, budget)
        record |= {"pictures": f"assets/frames/{files[name]}", "originals": link_frames(sequence, folder)}
        _write_script(folder / "assets" / "sequences" / f"{files[name]}.js", "window.SEQUENCE", record)
        made = [
            f"sequences/{files[name]}.js",
            *(f"frames/{files[name]}/{frame}.jpg" for frame in record["kept"]),
        ]
        with naming_the_file(written), written.open("a", encoding="utf-8") as log:
            log.writelines(f"{name}\n" for name in made)  # so that what a killed report wrote is known too
        now += made
    for name in earlier - set(now):  # it would take room and never be shown
        file = written.parent / name
        file.unlink(missing_ok=True)
        if file.parent.name.isdecimal() and file.parent.is_dir() and not any(file.parent.iterdir()):
            file.parent.rmdir()
    write_text(written, "".join(f"{name}\n" for name in now))


def _listed(written: Path) -> set[str]:
    """The files that earlier reports wrote, by their own list."""
    names = set(read_text(written).splitlines()) if written.is_file() else set()
    for name in names:
        check_name(name, f"a file in {written}", folders=True)
    return names


def _write_script(path: Path, variable: str, content: dict[str, Any]) -> None:
    """Write data as a script: a page opened from disk may load scripts, but read no other files."""
    write_text(path, f"{variable} = {json.dumps(content, separators=(',', ':'))};\n")
