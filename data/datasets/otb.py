"""Clips in OTB's layout: a folder with ``img/`` and ``groundtruth_rect.txt``, which is 1-based."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from data.datasets.box_files import read_bboxes, write_bboxes
from data.datasets.clip import Clip
from data.files import naming_the_file, partial_path, read_text, remove_left_overs
from data.images import IMAGE_SUFFIXES, list_images, natural_order

OTB_LAYOUT = "NAME/groundtruth_rect.txt and NAME/img/0001.jpg, …"


def read_otb(folder: str | Path) -> list[Clip]:
    """Read a sequence in OTB's layout: one clip for each target, i.e. for each ``groundtruth_rect*.txt``.

    Frames are the images of ``img/`` in natural order. The first box belongs to the first image: of a folder with
    frames before the first box (OTB's David) remove these first. Frames beyond the last box are left out and
    counted in ``unannotated``. An ``attributes.txt`` holds names separated by commas or white space.

    Args:
        folder: Folder with ``img/`` and one or several box files; its name is the sequence's name.

    Raises:
        FileNotFoundError: The folder, its ``img`` or its box file is missing.
        ValueError: There are no images, a row does not parse, there are no boxes, or more boxes than images.
    """
    folder = Path(folder).absolute()
    if not folder.is_dir():
        raise FileNotFoundError(f"sequence folder does not exist: {folder}")
    files = _box_files(folder)
    if not files:
        raise FileNotFoundError(
            f"sequence {folder} has no box file: expected groundtruth_rect.txt or groundtruth_rect.1.txt, …"
        )
    paths = list_images(folder / "img")
    listed = folder / "attributes.txt"
    attributes = (
        tuple(re.findall(r"[^\s,]+", read_text(listed, "list of attributes"))) if listed.is_file() else ()
    )
    sequences = []
    for file in files:
        number = file.stem.removeprefix("groundtruth_rect")
        name = folder.name + (number if len(files) > 1 else "")
        sequences.append(Clip.matched(name, paths, read_bboxes(file), file, attributes=attributes))
    return sequences


def find_otb(root: str | Path) -> list[Path]:
    """List the sequence folders (those with a box file) of an OTB root, in natural order.

    Raises:
        FileNotFoundError: The root does not exist or holds no sequence.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"dataset root does not exist: {root}")
    folders = [
        path for path in sorted(root.iterdir(), key=natural_order) if path.is_dir() and _box_files(path)
    ]
    if not folders:
        raise FileNotFoundError(f"dataset root {root} holds no sequence: expected {OTB_LAYOUT}")
    return folders


def read_otb_root(root: str | Path) -> list[Clip]:
    """Read every target of every sequence below an OTB root; raises the errors of `find_otb` and `read_otb`."""
    return [sequence for folder in find_otb(root) for sequence in read_otb(folder)]


class FrameSource(Protocol):
    """A sequence that `write_otb` can write, such as a `Clip` or a `SyntheticSequence`."""

    @property
    def bboxes(self) -> NDArray[np.float64]:
        """Boxes ``(N, 4)``, 0-based, NaN where the target is absent."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the sequence's challenges."""

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Frames as uint8 RGB ``(H, W, 3)``."""


def write_otb(sequence: FrameSource, folder: str | Path, suffix: str = ".png") -> None:
    """Write a sequence in OTB's layout; `read_otb` returns the same sequence, up to the loss of a lossy suffix.

    The folder appears when it is complete; what a killed process left of it is removed.

    Args:
        sequence: The sequence.
        folder: New or empty folder.
        suffix: Image format, e.g. ``.png`` or ``.jpg``.

    Raises:
        FileExistsError: The folder is not empty.
        ValueError: The suffix is no image format.
    """
    folder = Path(folder)
    if suffix not in IMAGE_SUFFIXES:
        raise ValueError(f"suffix must be one of {', '.join(IMAGE_SUFFIXES)}, got '{suffix}'")
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"folder {folder} is not empty: give a new one")
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_left_overs(folder.parent)
    partial = partial_path(folder)
    (partial / "img").mkdir(parents=True)
    try:
        for number, frame in enumerate(sequence.frames(), 1):
            encoded = cv2.imencode(suffix, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))[1]
            with naming_the_file(folder / "img" / f"{number:04d}{suffix}") as image:
                (partial / "img" / image.name).write_bytes(encoded.tobytes())
        if sequence.attributes:
            (partial / "attributes.txt").write_text(",".join(sequence.attributes) + "\n", "utf-8")
        write_bboxes(partial / "groundtruth_rect.txt", sequence.bboxes)
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _box_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("groundtruth_rect*.txt"), key=natural_order)
