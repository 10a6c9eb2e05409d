"""Checks of a dataset on disk. They take seconds: they read the ends of its images instead of decoding them."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from data.boxes import check_bbox_in_frame
from data.datasets.base import Dataset
from data.datasets.clip import Clip
from data.image_headers import image_size
from data.images import read_image

_ENDS = {b"\xff\xd8": b"\xff\xd9", b"\x89P": b"IEND"}  # of JPEG and PNG
_TAIL = 64


def find_problems(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Yield name and problem of every sequence that cannot be used as it is.

    Problems are frames and boxes that do not match, the findings of `pairing_oddities`, images that are empty, cut
    short or of no image format, images of another size than the first, and a first box that no tracker can start
    with. A missing sequence is no problem.
    """
    yield from dataset.broken.items()
    seen: dict[Path, str | None] = {}
    for sequence in dataset:
        for oddity in pairing_oddities(sequence):
            yield sequence.name, oddity
        for path in sequence.paths:
            if path not in seen:
                seen[path] = image_damage(path)
        damaged = [path for path in sequence.paths if seen[path]]
        if damaged:
            count = f"{len(damaged)} of {len(sequence)} images cannot be read, the first: "
            yield sequence.name, count + str(seen[damaged[0]])
        if change := _size_change(sequence.paths):
            yield sequence.name, change
        if sequence.paths[0] not in damaged and (problem := _start_problem(sequence)):
            yield sequence.name, problem


def pairing_oddities(sequence: Clip) -> Iterator[str]:
    """Yield reasons to doubt that each box belongs to its image; no file is opened.

    The reasons are images without a box, images of several suffixes, and image names with the same number: a mask
    or a thumbnail among the frames shifts every box after it.
    """
    if sequence.unannotated:
        images = len(sequence) + sequence.unannotated
        yield f"{sequence.unannotated} of {images} images have no box: expected a box for each image"
    suffixes = sorted({path.suffix for path in sequence.paths})
    if len(suffixes) > 1:
        yield f"images end in {' and '.join(suffixes)}: expected frames of one kind"
    numbered: dict[str, Path] = {}
    for path in sequence.paths:
        number = " ".join(str(int(digits)) for digits in re.findall(r"\d+", path.stem))
        first = numbered.setdefault(number, path)
        if number and first is not path:
            yield f"frame {number} is there twice: {first.name} and {path.name}"
            return


def image_damage(path: Path) -> str | None:
    """Return the error of a damaged image file, or None; JPEG and PNG are decoded only if their end looks odd."""
    try:
        with path.open("rb") as file:
            head = file.read(2)
            file.seek(-min(_TAIL, path.stat().st_size), os.SEEK_END)
            tail = file.read()
        if head not in _ENDS or _ENDS[head] not in tail:
            read_image(path)
    except (OSError, ValueError) as error:
        return str(error)
    return None


def _size_change(paths: Sequence[Path]) -> str | None:
    """The first image of another size than the first, as far as the first bytes of each tell its size."""
    sizes: dict[tuple[int, int], Path] = {}
    for path in paths:
        with suppress(OSError), path.open("rb") as file:
            if size := image_size(file.read(4096)):
                sizes.setdefault(size, path)
    if len(sizes) < 2:
        return None
    (first, other) = (f"{path.name} has {w}x{h} pixels" for (w, h), path in list(sizes.items())[:2])
    return f"the frame size changes: {first}, {other}"


def _start_problem(sequence: Clip) -> str | None:
    if np.isnan(sequence.bboxes[0]).any():
        return "the first frame has no box: there is nothing to start with"
    try:
        height, width = read_image(sequence.paths[0]).shape[:2]
        check_bbox_in_frame(sequence.bboxes[0], (width, height))
    except (OSError, ValueError) as error:
        return f"first frame: {error}"
    return None
