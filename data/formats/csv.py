"""A table for spreadsheets, with a row for each target and frame."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.formats.base import FORMATS, Format
from data.track_result import TrackResult

COLUMNS = ("name", "label", "frame", "image", "x", "y", "w", "h", "score", "lost")


@FORMATS.register("csv")
class Csv(Format):
    """``tracks.csv`` with the columns `COLUMNS`: frames from 0, boxes 0-based, empty where there is no value."""

    def render(self, results: Sequence[TrackResult]) -> dict[str, str]:
        """See `Format`."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(COLUMNS)
        for one in results:
            names = one.image_names or [""] * len(one)
            for frame, image, bbox, score, lost in zip(
                one.frames, names, one.bboxes, one.scores, one.lost, strict=True
            ):
                cells = ["" if math.isnan(value) else f"{value:.4f}" for value in (*bbox, score)]
                table.writerow([_inert(one.name), _inert(one.label), frame, _inert(image), *cells, int(lost)])
        return {"tracks.csv": text.getvalue()}

    def parse(self, path: Path) -> list[TrackResult]:
        """See `Format`; columns may stand in any order; ``label``, ``image``, ``score``, ``lost`` are optional."""
        targets: dict[str, list[dict[str, str]]] = {}
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, restval="")
            lacking = {"name", "frame", "x", "y", "w", "h"} - set(table.fieldnames or ())
            if lacking:
                raise ValueError(
                    f"{path} must have the columns {', '.join(COLUMNS)}; {', '.join(sorted(lacking))} lack"
                )
            for row in table:
                targets.setdefault(row["name"], []).append(row)
        try:
            return [_track(name, rows) for name, rows in targets.items()]
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def _inert(text: str) -> str:
    """Quote a text that begins with one of ``= + - @``, which a spreadsheet would take for a formula."""
    return f"'{text}" if text[:1] in tuple("=+-@\t") else text


def _track(name: str, rows: list[dict[str, str]]) -> TrackResult:
    images = tuple(_plain(row.get("image") or "") for row in rows)
    return TrackResult(
        name=_plain(name),
        frames=np.array([int(row["frame"]) for row in rows]),
        bboxes=np.array([[_number(row[column]) for column in "xywh"] for row in rows]),
        scores=np.array([_number(row.get("score", "")) for row in rows]),
        lost=np.array([row.get("lost") in ("1", "True", "true") for row in rows]),
        label=_plain(rows[0].get("label") or "target"),
        image_names=images if any(images) else None,
    )


def _plain(text: str) -> str:
    return text[1:] if text[:1] == "'" and _inert(text[1:]) == text else text


def _number(text: str) -> float:
    return float(text) if text else math.nan
