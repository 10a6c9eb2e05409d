"""GOT-10k's layout: for each target a folder with ``groundtruth.txt`` and files of flags."""

import configparser
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.datasets.box_files import box_lines, read_bboxes
from data.formats.base import FORMATS, Format, unique_file_names
from data.track_result import TrackResult


@FORMATS.register("got10k")
class Got10k(Format):
    """GOT-10k's layout, which its toolkit reads once the images lie beside the files.

    ``groundtruth.txt`` has lines ``x,y,w,h``, 1-based, four decimals, zeros for no box. ``absence.label`` is 1 if
    the target is absent or lost; ``cover.label``, the visible part in eighths, is then 0, else 8.
    ``cut_by_image.label`` is 1 if the box leaves the frame. ``meta_info.ini`` has the rest. Scores are not stored.
    """

    needs_frame_wh = True

    def render(self, results: Sequence[TrackResult]) -> dict[str, str]:
        """See `Format`."""
        files: dict[str, str] = {}
        for name, one in zip(unique_file_names(results), results, strict=True):
            files |= {f"{name}/{file}": text for file, text in _folder(one).items()}
        return files | {"list.txt": "".join(f"{name}\n" for name in unique_file_names(results))}

    def parse(self, path: Path) -> list[TrackResult]:
        """See `Format`; ``path`` is the folder of one target or of several."""
        path = path.parent if path.is_file() else path
        folders = [path] if (path / "groundtruth.txt").is_file() else sorted(path.iterdir())
        found = [_read(folder) for folder in folders if (folder / "groundtruth.txt").is_file()]
        if not found:
            raise ValueError(f"folder {path} holds no groundtruth.txt, nor does a folder in it")
        return found


def _folder(one: TrackResult) -> dict[str, str]:
    bboxes, seen = one.dense(), np.zeros(one.frame_count, bool)
    seen[one.frames] = one.present
    width, height = one.frame_wh or (0, 0)
    x, y, w, h = bboxes.T
    cut = seen & ((x < 0) | (y < 0) | (x + w > width) | (y + h > height))
    bboxes[np.isnan(x)] = (-1, -1, 0, 0)  # zeros once written 1-based
    return {
        "groundtruth.txt": box_lines(bboxes, digits=4),
        "absence.label": _flags(~seen),
        "cover.label": _flags(8 * seen),
        "cut_by_image.label": _flags(cut),
        "meta_info.ini": _meta(one),
    }


def _flags(values: np.ndarray) -> str:
    return "".join(f"{int(value)}\n" for value in values)


def _meta(one: TrackResult) -> str:
    """Make ``meta_info.ini``: lines ``key: value``, as the toolkit splits them, without empty values."""
    width, height = one.frame_wh or (0, 0)
    values = {
        "url": _one_line(one.source),
        "object_class": _one_line(one.label),
        "resolution": f"({width}, {height})",
        "anno_fps": "" if one.fps is None else f"{one.fps:g}Hz",
    }
    return "[METAINFO]\n" + "".join(f"{key}: {value}\n" for key, value in values.items() if value)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _read(folder: Path) -> TrackResult:
    bboxes = read_bboxes(folder / "groundtruth.txt")
    absent = folder / "absence.label"
    lost = np.loadtxt(absent, ndmin=1) > 0 if absent.is_file() else np.zeros(len(bboxes), bool)
    if len(lost) != len(bboxes):
        raise ValueError(f"{absent} has {len(lost)} lines for {len(bboxes)} boxes: expected as many")
    meta = configparser.RawConfigParser()
    meta.read(folder / "meta_info.ini", "utf-8")
    known = dict(meta["METAINFO"]) if meta.has_section("METAINFO") else {}
    return TrackResult(
        name=folder.name,
        frames=np.arange(len(bboxes)),
        bboxes=bboxes,
        lost=lost & ~np.isnan(bboxes[:, 0]),
        label=known.get("object_class") or "target",
        source=known.get("url", ""),
        frame_wh=_size(known.get("resolution", "")),
        fps=_rate(known.get("anno_fps", "")),
    )


def _size(text: str) -> tuple[int, int] | None:
    numbers = text.strip("()").split(",")
    return (
        (int(numbers[0]), int(numbers[1])) if len(numbers) == 2 and numbers[0].strip().isdecimal() else None
    )


def _rate(text: str) -> float | None:
    try:
        rate = float(text.lower().removesuffix("hz"))
    except ValueError:
        return None
    return rate if math.isfinite(rate) and rate > 0 else None
