"""The record beside stored results, ``run.json``: everything that they depend on.

Version 1 is an object with ``version``, ``tracker``, ``settings``, ``weights`` (file -> SHA-256), ``dataset``,
``protocol`` and ``data``; results belong to a run if these are equal. ``data`` holds the root and, for each sequence,
the number of frames, their bytes, a SHA-256 of their names and sizes, and the first box. The other entries (device,
date, machine, versions) are for people, and are those of the first run into the folder.
"""

import hashlib
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.boxes import Floats
from data.datasets.base import Dataset
from data.datasets.otb_protocol import canonical_name
from data.files import read_json, sha256_of, some

VERSION = 1
FILE = "run.json"

_COMPARED = ("tracker", "settings", "weights", "dataset", "protocol")

Record = dict[str, Any]


def data_record(dataset: Dataset, protocol: str) -> Record:
    """Record the data of ``dataset``; for TRE, which starts in many frames, also a SHA-256 of all boxes."""
    sequences = {canonical_name(one.name): sequence_record(one.paths, one.bboxes) for one in dataset}
    if protocol == "tre":
        for one in dataset:
            digest = hashlib.sha256(np.ascontiguousarray(one.bboxes, "<f8").tobytes())
            digest.update(repr(one.not_started_in or "").encode())
            sequences[canonical_name(one.name)]["bboxes_sha256"] = digest.hexdigest()
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
    record = read_json(file)
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


def made(folder: Path) -> str:
    """Say by which commit, when and where the results in a tracker's folder were made, as far as is known."""
    try:
        record = read_record(folder) or {}
    except ValueError:  # scoring says so
        return ""
    versions = record.get("versions")
    commit = versions.get("commit") if isinstance(versions, dict) else None
    known = [f"commit {commit}" if commit else None, *map(record.get, ("date", "machine", "device"))]
    return ", ".join(str(one) for one in known if one)


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


def weights_record(files: Collection[Path]) -> dict[str, str]:
    """File of weights -> SHA-256 of its bytes, by name.

    Raises:
        OSError: A file is not there.
    """
    return {file.name: sha256_of(file) for file in files}


def fingerprint(thing: Any) -> str:
    """SHA-256 of what training data says of its files, boxes and settings, wherever they lie and without an image.

    Args:
        thing: A dataclass, tuple, list, array or plain value, or such in one another.
    """
    digest = hashlib.sha256()
    for part in _parts(thing):
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


_PLACES = ("folder", "urls", "url", "root")
"""Fields that say where data lie, and nothing of what they are."""


def _parts(thing: Any) -> Iterator[bytes]:
    if isinstance(thing, np.ndarray):
        yield f"{thing.dtype}{thing.shape}".encode() + np.ascontiguousarray(thing).tobytes()
    elif is_dataclass(thing):
        for field in fields(thing):
            if field.name not in _PLACES:
                yield from _parts(getattr(thing, field.name))
    elif isinstance(thing, tuple | list):
        for one in thing:
            yield from _parts(one)
    else:
        yield repr(thing).encode()


def check_record(stored: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with work that depends on other data or weights than there are now.

    Args:
        stored: What the work said that it depends on; a part that it did not say is not compared.
        now: The same of this run.

    Raises:
        ValueError: They differ; the message says in what.
    """
    found = [_change(key, value, now.get(key)) for key, value in stored.items() if value != now.get(key)]
    if found:
        raise ValueError(
            f"what is there was made with other {' and other '.join(found)} than there are now: bring them back, or "
            "give another --output"
        )


def _change(key: str, before: Any, now: Any) -> str:
    if not (isinstance(before, Mapping) and isinstance(now, Mapping)):
        return key
    return f"{key} ({some([name for name in {**before, **now} if before.get(name) != now.get(name)])})"
