"""The record beside stored results, ``run.json``: everything that they depend on.

Version 1 is an object with ``version``, ``tracker``, ``settings``, ``weights`` (file -> SHA-256), ``dataset``,
``protocol`` and ``data``; results belong to a run if these are equal. ``data`` holds the root and, for each sequence,
the number of frames, their bytes, a SHA-256 of their names and sizes, and the first box. The other entries (device,
machine, versions) are for people, and are those of the first run into the folder.
"""

import hashlib
import json
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.boxes import Floats
from data.datasets.base import Dataset
from data.datasets.otb_protocol import canonical_name

VERSION = 1
FILE = "run.json"

_COMPARED = ("tracker", "settings", "weights", "dataset", "protocol")

Record = dict[str, Any]


def data_record(dataset: Dataset, protocol: str) -> Record:
    """Record the data of ``dataset``; for TRE, which starts in many frames, also a SHA-256 of all boxes."""
    sequences = {canonical_name(one.name): sequence_record(one.paths, one.bboxes) for one in dataset}
    if protocol == "tre":
        for one in dataset:
            digest = hashlib.sha256(np.ascontiguousarray(one.bboxes, "<f8").tobytes()).hexdigest()
            sequences[canonical_name(one.name)]["bboxes_sha256"] = digest
    return {"root": str(dataset.root.resolve()), "sequences": sequences}


def sequence_record(paths: Collection[Path], bboxes: Floats) -> Record:
    """Record a sequence's frames by count, bytes, names and sizes, and its first box, without reading images.

    Without images the bytes and the SHA-256 are None.

    Raises:
        OSError: a frame does not exist.
    """
    digest, size = hashlib.sha256(), 0
    for path in paths:
        length = path.stat().st_size
        digest.update(f"{path.name}\0{length}\n".encode(errors="surrogateescape"))
        size += length
    first = [None if math.isnan(value) else value for value in np.asarray(bboxes)[0].tolist()]
    known = (size, digest.hexdigest()) if paths else (None, None)
    return {"frames": len(bboxes), "bytes": known[0], "sha256": known[1], "first_bbox": first}


def read_record(folder: Path) -> Record | None:
    """Read the record in a tracker's folder of results; None if there is none.

    Raises:
        ValueError: the file holds something else, or the record is of another version.
    """
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        record = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is not JSON: {error}") from None
    if not isinstance(record, dict):
        raise ValueError(f"{file} must hold an object, got {type(record).__name__}")
    if "version" not in record and "checkpoint_sha256" in record:
        raise ValueError(
            f"{file} was written by a toolbox of before version {VERSION} of this record, which did not say "
            "which data the results belong to"
        )
    if record.get("version") != VERSION:
        raise ValueError(f"{file} is of version {record.get('version')!r}, expected {VERSION}")
    data = record.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("sequences"), dict):
        raise ValueError(f"{file} does not say which data the results belong to")
    return record


def differences(stored: Mapping[str, Any], wanted: Mapping[str, Any], present: Collection[str]) -> list[str]:
    """List the differences of stored results and a run in words; empty if the results belong to the run.

    Args:
        stored: the results' record.
        wanted: the run's record.
        present: canonical names of the sequences that have results.
    """
    found = [f"another {key}" for key in _COMPARED if stored.get(key) != wanted[key]]
    here, there = stored["data"], wanted["data"]
    if here.get("root") != there["root"]:
        found.append(f"data in another folder ({here.get('root')})")
    unknown = [name for name in present if name not in here["sequences"]]
    if unknown:
        found.append(f"unknown data ({some(unknown)})")
    both = [name for name in present if name in there["sequences"] and name in here["sequences"]]
    changed = [name for name in both if here["sequences"][name] != there["sequences"][name]]
    if changed:
        found.append(f"other frames or another first box ({some(changed)})")
    return found


def misfits(stored: Mapping[str, Any], data: Mapping[str, Record]) -> tuple[list[str], list[str]]:
    """Find the stored results that were made on other data than these sequences.

    Args:
        stored: the results' record.
        data: sequence -> its `sequence_record`.

    Returns:
        The sequences with another number of frames or another first box, whose results are of no use here; and those
        whose files have other names or sizes, as after the images were encoded anew.
    """
    others, encoded_anew = [], []
    for name, here in data.items():
        known = stored["data"]["sequences"].get(canonical_name(name))
        if not isinstance(known, dict):
            continue
        if any(known.get(key) != here[key] for key in ("frames", "first_bbox")):
            others.append(name)
        elif here["sha256"] and known.get("sha256") != here["sha256"]:
            encoded_anew.append(name)
    return others, encoded_anew


def some(names: Collection[str]) -> str:
    """Join the first names, with a sign if there are more."""
    return ", ".join([*names][:3]) + (", …" if len(names) > 3 else "")
