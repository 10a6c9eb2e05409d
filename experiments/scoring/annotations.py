"""The ground truth that a report needs: from a dataset's root, or from a JSON file without any frames."""

import json
import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from data.boxes import Floats, from_one_based
from data.datasets.base import Dataset
from data.datasets.by_name import canonical_name, find_dataset, load_dataset
from data.datasets.otb_protocol import otb_targets
from data.images import read_image

_ATTRIBUTE_KEYS = ("attributes", "attr_anno", "attr", "attr_list_txt")


@dataclass(frozen=True)
class Annotation:
    """Where the target of a sequence is.

    Attributes:
        name: canonical name of the sequence.
        bboxes: float64 ``(N, 4)``, 0-based; NaN where the target is absent.
        attributes: challenges that it holds, e.g. ``("IV", "OCC")``.
        paths: image file of each frame; empty where there are no frames.
        stated_wh: width and height of the frames where the dataset states them, else None.
    """

    name: str
    bboxes: Floats
    attributes: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()
    stated_wh: tuple[int, int] | None = None

    @property
    def is_public(self) -> bool:
        """Whether more than the first box is known; of test sets a server keeps the rest."""
        return bool(np.isfinite(self.bboxes[1:]).any())

    @cached_property
    def frame_wh(self) -> tuple[int, int]:
        """Width and height of the frames: as the dataset states them, or of the first image.

        Raises:
            OSError: the image cannot be read.
            ValueError: there are no frames.
        """
        if self.stated_wh:
            return self.stated_wh
        if not self.paths:
            raise ValueError(f"sequence {self.name} has no frames: --root must be the dataset's own folder")
        height, width = read_image(self.paths[0]).shape[:2]
        return width, height


@dataclass(frozen=True)
class Annotations:
    """The ground truth of a benchmark.

    Attributes:
        dataset: registered name of the dataset.
        results_name: folder of its results, e.g. ``OTB2015``; case and punctuation do not matter.
        sequences: name -> annotation.
        problems: a line for each sequence of the benchmark that is missing or broken.
    """

    dataset: str
    results_name: str
    sequences: dict[str, Annotation]
    problems: tuple[str, ...] = ()


def read_annotations(dataset: str, root: Path) -> Annotations:
    """Read a benchmark's ground truth from its root or from an annotations file.

    The file is a JSON object: name of the sequence -> an object with ``gt_rect``, the boxes as in the
    benchmark's own 1-based files, and ``attributes`` (also ``attr``, ``attr_anno`` or ``attr_list_txt``).

    Args:
        dataset: registered name of a dataset.
        root: folder, or file that ends in ``.json``.

    Raises:
        FileNotFoundError: the root does not exist or holds nothing.
        ValueError: the dataset is unknown, or the file is not as said above.
    """
    if root.suffix.lower() == ".json":
        return _read_json(find_dataset(dataset)[0], root)
    found = annotations_of(load_dataset(dataset, root))
    if not found.sequences:
        raise ValueError(f"no sequence of {dataset} in {root} can be used: {'; '.join(found.problems)}")
    return found


def annotations_of(dataset: Dataset) -> Annotations:
    """The ground truth of a dataset that has been read."""
    broken = [f"sequence {name} is left out: {reason}" for name, reason in dataset.broken.items()]
    missing = [_missing(dataset.missing, dataset.root)] if dataset.missing else []
    sequences = {
        one.name: Annotation(one.name, one.bboxes, one.attributes, one.paths, one.frame_wh) for one in dataset
    }
    return Annotations(dataset.name, dataset.results_name, sequences, (*broken, *missing))


def _missing(names: tuple[str, ...], root: Path) -> str:
    return f"not in {root}, {len(names)} sequences: {', '.join(names[:5])}{', …' if len(names) > 5 else ''}"


def _read_json(dataset: str, path: Path) -> Annotations:
    if not path.is_file():
        raise FileNotFoundError(f"annotations file does not exist: {path}")
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"annotations file {path} is not JSON: {error}") from None
    if not isinstance(content, dict) or not content:
        raise ValueError(f"annotations file {path} must hold an object of sequences by name")
    sequences = {}
    for given, entry in content.items():
        name = canonical_name(given)
        sequences[name] = Annotation(name, _bboxes(entry, f"{path}, sequence {given}"), _attributes(entry))
    otb_list = re.fullmatch(r"otb(2013|50)", dataset)  # a file of OTB-100 holds its shorter lists as well
    if otb_list:
        listed = {target.name for target in otb_targets().values() if otb_list[1] in target.lists}
        sequences = {name: one for name, one in sequences.items() if name in listed}
    return Annotations(dataset, dataset, sequences)


def _bboxes(entry: object, where: str) -> Floats:
    rows = entry.get("gt_rect") if isinstance(entry, dict) else None
    try:
        bboxes = from_one_based(np.array(rows, dtype=np.float64).reshape(-1, 4))
    except (TypeError, ValueError):
        bboxes = np.empty((0, 4))
    if not len(bboxes):
        raise ValueError(f"{where}: gt_rect must be a list of boxes [x, y, w, h]")
    bboxes[~(bboxes[:, 2:] > 0).all(axis=1) | ~np.isfinite(bboxes).all(axis=1)] = math.nan
    return bboxes


def _attributes(entry: dict[str, list[str]]) -> tuple[str, ...]:
    """The first list that says something: files of several sources carry several."""
    return next((tuple(filter(None, entry[key])) for key in _ATTRIBUTE_KEYS if entry.get(key)), ())
