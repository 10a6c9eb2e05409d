"""One sequence on the page: every tracker's boxes and errors, and small pictures of the frames."""

import base64
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import ArrayLike

from data.boxes import Floats
from data.datasets.clip import Clip
from data.files import replacing
from data.images import read_image
from experiments.drawing.jpeg import encode_jpeg
from experiments.scoring.metrics import Rules, frame_errors

BYTES_PER_BOX = 16
"""Size in the page of a box and its two errors: six numbers of two bytes, in base64."""

_LONGEST_SIDE = 360
_QUALITY = 65
_LARGEST = 32_000
_NOTHING = -32_768


def sequence_record(sequence: Clip, bboxes: Mapping[str, Floats], rules: Rules) -> dict[str, Any]:
    """Pack ground truth, boxes, overlaps and centre errors of a sequence for the page.

    Args:
        sequence: the ground truth.
        bboxes: tracker -> its boxes ``(n, 4)``, 0-based, from the first frame on.
        rules: whose rules decide about invalid predictions.
    """
    trackers = []
    for name, predicted in bboxes.items():
        overlap, error = _errors(predicted, sequence.bboxes, rules)
        failed = np.flatnonzero(overlap == 0)
        trackers.append(
            {
                "name": name,
                "bboxes": pack(_padded(predicted, len(sequence.bboxes))),
                "overlap": pack(overlap),
                "error": pack(error),
                "first_failure": int(failed[0]) if failed.size else None,
            }
        )
    return {
        "name": sequence.name,
        "attributes": list(sequence.attributes),
        "frames": len(sequence.bboxes),
        "truth": pack(sequence.bboxes),
        "trackers": trackers,
    }


def pack(values: ArrayLike) -> dict[str, Any]:
    """Pack numbers as 16-bit integers in base64, and the step to multiply them by; NaN is the smallest integer."""
    array = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(array)
    largest = np.abs(array[finite]).max(initial=0.0)
    step = max(largest / _LARGEST, 1e-4)
    integers = np.where(finite, np.rint(np.where(finite, array, 0) / step), _NOTHING).astype("<i2")
    return {"step": step, "data": base64.b64encode(integers.tobytes()).decode("ascii")}


def link_frames(sequence: Clip, page: Path) -> dict[str, Any]:
    """Relative addresses of the dataset's own frames, from the folder ``page``."""
    if not sequence.paths:
        return {"folder": "", "names": []}
    folder = os.path.relpath(sequence.paths[0].parent, page)
    names = [os.path.relpath(path, sequence.paths[0].parent) for path in sequence.paths]
    return {"folder": quote(Path(folder).as_posix()), "names": [quote(Path(n).as_posix()) for n in names]}


def write_thumbnails(sequence: Clip, wanted: Iterable[int], folder: Path, budget: float) -> dict[str, Any]:
    """Write small JPEGs of frames, as many as the budget allows; see `choose_frames`.

    Args:
        sequence: the sequence.
        wanted: indices of the frames that matter most.
        folder: created if a picture is written.
        budget: approximate size of all pictures in bytes.

    Returns:
        ``kept``, the indices of the frames written, and ``width`` and ``height`` of the frames, None if there are
        none. A frame that cannot be read is left out.
    """
    count = len(sequence.paths)
    probes = [
        found
        for frame in {0, count // 2, count - 1}
        if count and (found := _thumbnail(sequence.paths[frame]))
    ]
    if not probes:
        return {"kept": [], "width": None, "height": None}
    folder.mkdir(parents=True, exist_ok=True)
    affordable = budget / np.mean([len(picture) for picture, _ in probes])
    kept = []
    for frame in choose_frames(count, wanted, int(affordable)):
        found = _thumbnail(sequence.paths[frame])
        if found:
            with replacing(folder / f"{frame}.jpg", flush=False) as temporary:
                temporary.write_bytes(found[0])
            kept.append(frame)
    width, height = probes[0][1]
    return {"kept": kept, "width": width, "height": height}


def choose_frames(count: int, wanted: Iterable[int], affordable: int) -> list[int]:
    """Choose about ``affordable`` of ``count`` frames: up to half of them wanted ones, the rest evenly spaced.

    >>> choose_frames(100, [33, 77], 7)
    [0, 20, 33, 40, 60, 77, 80]
    """
    first = sorted(wanted)[: affordable // 2]
    stride = math.ceil(count / max(affordable - len(first), 1))
    return sorted({*range(0, count, stride), *first})


def _thumbnail(path: Path) -> tuple[bytes, tuple[int, int]] | None:
    """Encode a frame as a small JPEG; return it and the frame's width and height, None if it cannot be read."""
    try:
        image = read_image(path)
    except (OSError, ValueError):
        return None
    return encode_jpeg(image, _QUALITY, _LONGEST_SIDE), (image.shape[1], image.shape[0])


def _errors(predicted: Floats, truth: Floats, rules: Rules) -> tuple[Floats, Floats]:
    """Overlap and centre error of each frame; NaN where the rules see no target, or there is no prediction."""
    found = frame_errors(predicted, truth[: len(predicted)], rules)
    overlap, error = (
        _padded(np.where(found.present, values, np.nan), len(truth))
        for values in (found.overlap, found.error)
    )
    return overlap, error


def _padded(values: Floats, length: int) -> Floats:
    missing = length - len(values)
    return np.concatenate([values, np.full((missing, *values.shape[1:]), np.nan)])
