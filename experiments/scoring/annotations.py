"""The ground truth that a report needs: from a dataset's root, or from a JSON file without any frames."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.boxes import Floats, from_one_based
from data.datasets.base import Dataset
from data.datasets.box_files import upright
from data.datasets.by_name import find_dataset, load_dataset
from data.datasets.clip import Clip, frame_tags
from data.datasets.otb_protocol import canonical_name, otb_targets
from data.files import check_name, read_json, some

_RESULTS_NAMES = {
    ("nfs", None): "NfS/240",
    ("nfs", "240"): "NfS/240",
    ("nfs", "30"): "NfS/30",
    ("uav123", "UAV20L"): "UAV20L",
    ("uav123", "UAV123_10fps"): "UAV123_10fps",
}
"""Results folders that are not called as the dataset is."""

_LARGEST_FILE = 2**31  # bytes
_VOT_TAGS = ("camera_motion", "illum_change", "motion_change", "occlusion", "size_change")
_ATTRIBUTE_KEYS = ("attributes", "attr_anno", "attr", "attr_list_txt")


@dataclass(frozen=True)
class Annotations:
    """The ground truth of a benchmark.

    Attributes:
        dataset: registered name of the dataset.
        results_name: folder of its results, e.g. ``OTB2015``; case and punctuation do not matter.
        sequences: name -> its boxes, and its frames where they are at hand.
        problems: a line for each sequence of the benchmark that is missing or broken.
        year: of a VOT challenge, where the name of the root says it: it decides the range of EAO.
    """

    dataset: str
    results_name: str
    sequences: dict[str, Clip]
    problems: tuple[str, ...] = ()
    year: int | None = None


def read_annotations(dataset: str, root: Path, subset: str | None = None) -> Annotations:
    """Read a benchmark's ground truth from its root or from an annotations file.

    The file is a JSON object: name of the sequence -> an object with ``gt_rect``, the boxes or the four corners as
    in the benchmark's own 1-based files, and ``attributes`` (also ``attr``, ``attr_anno`` or ``attr_list_txt``).

    Args:
        dataset: registered name of a dataset.
        root: folder, or file that ends in ``.json``.
        subset: one of the dataset's own; None for its usual one.

    Raises:
        FileNotFoundError: the root does not exist or holds nothing.
        ValueError: the dataset is unknown, or the file is not as said above.
    """
    if root.suffix.lower() == ".json":
        return _read_json(find_dataset(dataset)[0], root, subset)
    found = annotations_of(load_dataset(dataset, root, subset))
    if not found.sequences:
        raise ValueError(f"no sequence of {dataset} in {root} can be used: {'; '.join(found.problems)}")
    return found


def annotations_of(dataset: Dataset) -> Annotations:
    """The ground truth of a dataset that has been read."""
    broken = [f"sequence {name} is left out: {reason}" for name, reason in dataset.broken.items()]
    lacking = f"not in {dataset.root}, {len(dataset.missing)} sequences: {some(dataset.missing, 5)}"
    sequences = {one.name: one for one in dataset}
    problems = (*broken, *([lacking] if dataset.missing else []))
    return Annotations(dataset.name, dataset.results_name, sequences, problems, _year(dataset.root))


def _read_json(dataset: str, path: Path, subset: str | None) -> Annotations:
    content = read_json(path, "annotations file", _LARGEST_FILE)
    if not content:
        raise ValueError(f"annotations file {path} must hold an object of sequences by name, got none")
    sequences = {}
    for given, entry in content.items():
        check_name(given, f"a sequence in {path}")
        name = canonical_name(given) if dataset.startswith("otb") else given
        corners = _regions(entry, f"{path}, sequence {given}")
        target = otb_targets().get(name) if dataset.startswith("otb") else None
        tags = _tags(entry, len(corners))
        sequences[name] = Clip(
            name,
            (),
            upright(corners),
            tuple(tags) or _attributes(entry),
            corners=corners if corners.shape[1] == 8 else None,
            tags=tags,
            not_started_in=target.not_started_in if target else (),
            object_class=str(entry.get("object_class", "")),
        )
    otb_list = re.fullmatch(r"otb(2013|50)", dataset)  # a file of OTB-100 holds its shorter lists as well
    if otb_list:
        listed = {target.name for target in otb_targets().values() if otb_list[1] in target.lists}
        sequences = {name: one for name, one in sequences.items() if name in listed}
    return Annotations(dataset, _RESULTS_NAMES.get((dataset, subset), dataset), sequences, year=_year(path))


def _regions(entry: object, where: str) -> Floats:
    """Boxes ``(N, 4)`` or corners ``(N, 8)``, 0-based."""
    rows = entry.get("gt_rect") if isinstance(entry, dict) else None
    try:
        regions = np.array(rows, dtype=np.float64)
    except (TypeError, ValueError):
        regions = np.empty(0)
    if regions.ndim != 2 or not len(regions) or regions.shape[1] not in (4, 8):
        raise ValueError(f"{where}: gt_rect must be a list of boxes [x, y, w, h], or of four corners each")
    if regions.shape[1] == 8:
        return regions - 1.0
    bboxes = from_one_based(regions)
    bboxes[~(bboxes[:, 2:] > 0).all(axis=1) | ~np.isfinite(bboxes).all(axis=1)] = math.nan
    return bboxes


def _tags(entry: dict[str, Any], frames: int) -> dict[str, NDArray[np.bool_]]:
    """The attributes of VOT that hold in some frame -> in which."""
    listed = {name: entry[name] for name in _VOT_TAGS if isinstance(entry.get(name), list)}
    tags = {name: frame_tags(values, frames) for name, values in listed.items()}
    return {name: held for name, held in tags.items() if held.any()}


def _attributes(entry: dict[str, Any]) -> tuple[str, ...]:
    """The first list that says something, for files of several sources carry several."""
    listed: Any = next((entry[key] for key in _ATTRIBUTE_KEYS if entry.get(key)), ())
    names = listed if isinstance(listed, list | tuple) else [listed]  # or one text, "IV,OCC"
    return tuple(word.strip() for name in names for word in str(name).split(",") if word.strip())


def _year(root: Path) -> int | None:
    """The year of a VOT challenge as the name of its folder or file says it."""
    found = re.search(r"vot[-_ ]?(20\d\d)", root.name, re.IGNORECASE)
    return int(found[1]) if found else None
