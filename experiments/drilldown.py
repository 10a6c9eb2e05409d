"""What the page shows of one sequence: every tracker's boxes and errors, and small pictures of its frames."""

import base64
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
from numpy.typing import ArrayLike

from data.boxes import Floats
from data.images import read_image
from experiments.annotations import Annotation
from experiments.metrics import Protocol, frame_errors
from experiments.predictions import read_predicted

BYTES_PER_BOX = 16
"""What a box and its two errors take in a page: six numbers of two bytes, in base64."""

_LONGEST_SIDE = 360
_QUALITY = 65
_LARGEST = 32_000
_NOTHING = -32_768


def sequence_record(sequence: Annotation, files: Mapping[str, Path], protocol: Protocol) -> dict[str, Any]:
    """Ground truth, boxes, overlaps and centre errors of a sequence, packed for the page.

    Args:
        sequence: its ground truth.
        files: tracker -> its result file; one that cannot be used is left out.
        protocol: whose rules decide about invalid predictions.
    """
    trackers = []
    for name, path in files.items():
        try:
            predicted, _ = read_predicted(path, sequence.bboxes, protocol)
        except (OSError, ValueError):
            continue  # the report's list of problems says why
        overlap, error = _errors(predicted, sequence.bboxes, protocol)
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
    """Numbers as 16-bit integers in base64, and what to multiply them by; NaN is the smallest integer."""
    array = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(array)
    largest = np.abs(array[finite]).max(initial=0.0)
    step = max(largest / _LARGEST, 1e-4)
    integers = np.where(finite, np.rint(np.where(finite, array, 0) / step), _NOTHING).astype("<i2")
    return {"step": step, "data": base64.b64encode(integers.tobytes()).decode("ascii")}


def link_frames(sequence: Annotation, page: Path) -> dict[str, Any]:
    """Where the page in the folder ``page`` finds the dataset's own frames, as relative addresses."""
    if not sequence.paths:
        return {"folder": "", "names": []}
    folder = os.path.relpath(sequence.paths[0].parent, page)
    names = [os.path.relpath(path, sequence.paths[0].parent) for path in sequence.paths]
    return {"folder": quote(Path(folder).as_posix()), "names": [quote(Path(n).as_posix()) for n in names]}


def write_thumbnails(
    sequence: Annotation, must: Iterable[int], folder: Path, budget: float
) -> dict[str, Any]:
    """Write small JPEGs of frames, evenly spaced and as many as the budget allows.

    Args:
        sequence: whose frames.
        must: frames that are written in any case.
        folder: made where it does not exist.
        budget: bytes that the pictures may take, about.

    Returns:
        ``kept``, the frames that were written, ``width`` and ``height`` of the sequence's frames; no frame and
        None where there are none. A frame that cannot be read is left out.
    """
    kept: list[int] = []
    size: tuple[int, int] | None = None
    if sequence.paths:
        folder.mkdir(parents=True, exist_ok=True)
    stride, wanted = 1, set(must)
    for frame, path in enumerate(sequence.paths):
        if frame % stride and frame not in wanted:
            continue
        try:
            image = read_image(path)
        except (OSError, ValueError):
            continue
        scale = min(1.0, _LONGEST_SIDE / max(image.shape[:2]))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        settings = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        encoded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), settings)[1].tobytes()
        (folder / f"{frame}.jpg").write_bytes(encoded)
        if size is None:
            size = image.shape[1], image.shape[0]
            stride = max(1, round(len(encoded) * len(sequence.paths) / budget))
        kept.append(frame)
    width, height = size or (None, None)
    return {"kept": kept, "width": width, "height": height}


def _errors(predicted: Floats, truth: Floats, protocol: Protocol) -> tuple[Floats, Floats]:
    """Overlap and centre error of each annotated frame; NaN where there is no target or no prediction."""
    found = frame_errors(predicted, truth[: len(predicted)], protocol)
    absent = np.isnan(truth[: len(predicted), 0])
    both = (np.where(absent, np.nan, found.overlap), np.where(absent, np.nan, found.error))
    overlap, error = (_padded(values, len(truth)) for values in both)
    return overlap, error


def _padded(values: Floats, length: int) -> Floats:
    missing = length - len(values)
    return np.concatenate([values, np.full((missing, *values.shape[1:]), np.nan)])
