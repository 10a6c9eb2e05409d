"""Annotated sequences in OTB's layout: ``img/`` and ``groundtruth_rect.txt``; only the files are 1-based."""

import math
import re
from collections.abc import Callable, Iterator
from collections.abc import Sequence as TypingSequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.boxes import from_one_based, to_one_based
from data.datasets.box_files import parse_tables, read_together
from data.files import replacing
from data.images import IMAGE_SUFFIXES, list_images, natural_order, read_image

_ABSENT = [math.nan] * 4


@dataclass(frozen=True)
class Sequence:
    """Frames on disk and where the target is in each of them.

    Attributes:
        name: Name of the sequence; of a folder with several targets ``Jogging.1``, ``Jogging.2``.
        paths: Image file of each frame.
        bboxes: float64 ``(N, 4)`` x, y, w, h in pixels, 0-based; a row of NaN where the target is absent.
        attributes: Challenges that it holds, e.g. ``("IV", "OCC")``.
        unannotated: Frames at its end that were left out because they have no box.
        frame_wh: Width and height of the frames in pixels where the dataset states them, else None.
    """

    name: str
    paths: tuple[Path, ...]
    bboxes: NDArray[np.float64]
    attributes: tuple[str, ...] = ()
    unannotated: int = 0
    frame_wh: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.bboxes.shape != (len(self.paths), 4):
            raise ValueError(
                f"bboxes of {self.name} must have a row of 4 for each of its {len(self.paths)} frames, "
                f"got shape {self.bboxes.shape}"
            )

    def __len__(self) -> int:
        return len(self.paths)

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Read the frames one by one as uint8 RGB ``(H, W, 3)``."""
        return map(read_image, self.paths)

    def read_frame_wh(self) -> tuple[int, int]:
        """Width and height of the frames: as the dataset states them, or of the first image.

        Raises:
            OSError: The image cannot be read.
        """
        if self.frame_wh is not None:
            return self.frame_wh
        height, width = read_image(self.paths[0]).shape[:2]
        return width, height

    @classmethod
    def matched(
        cls, name: str, paths: TypingSequence[Path], bboxes: NDArray[np.float64], source: Path, **more: Any
    ) -> "Sequence":
        """Pair frames and boxes one by one; frames beyond the last box are left out and counted.

        Args:
            name: Name of the sequence.
            paths: Image files in order; the first box belongs to the first.
            bboxes: ``(N, 4)``, 0-based.
            source: Where the boxes come from, for the message.
            more: Further attributes.

        Raises:
            ValueError: There is no box, or there are more boxes than images.
        """
        if not 0 < len(bboxes) <= len(paths):
            raise ValueError(
                f"{source} holds {len(bboxes)} boxes for {len(paths)} images: expected 1 to {len(paths)} boxes"
            )
        kept = tuple(paths[: len(bboxes)])
        return cls(name, kept, bboxes, unannotated=len(paths) - len(bboxes), **more)


def read_otb(folder: str | Path) -> list[Sequence]:
    """Read a sequence in OTB's layout: one entry a target, i.e. a ``groundtruth_rect*.txt``.

    Frames are the images of ``img/`` in natural order. Frames beyond the last box are left out and counted in
    ``unannotated``; the first box belongs to the first image, so a folder that keeps frames before it (David
    as OTB distributes it) has to be cut first. ``attributes.txt``, where there is one, holds names separated
    by commas or white space.

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
    attributes = tuple(re.findall(r"[^\s,]+", listed.read_text("utf-8-sig"))) if listed.is_file() else ()
    sequences = []
    for file in files:
        number = file.stem.removeprefix("groundtruth_rect")
        name = folder.name + (number if len(files) > 1 else "")
        sequences.append(Sequence.matched(name, paths, read_bboxes(file), file, attributes=attributes))
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
        raise FileNotFoundError(
            f"dataset root {root} holds no sequence: expected folders with img/ and groundtruth_rect.txt"
        )
    return folders


def read_otb_root(root: str | Path) -> list[Sequence]:
    """Read every target of every sequence below an OTB root; raises what `find_otb` and `read_otb` raise."""
    return [sequence for folder in find_otb(root) for sequence in read_otb(folder)]


class FrameSource(Protocol):
    """What `write_otb` can write: a `Sequence`, a `SyntheticSequence`, or anything like them."""

    @property
    def bboxes(self) -> NDArray[np.float64]:
        """Boxes ``(N, 4)``, 0-based, NaN where the target is absent."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the challenges that it holds."""

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Frames as uint8 RGB ``(H, W, 3)``."""


def write_otb(sequence: FrameSource, folder: str | Path, suffix: str = ".png") -> None:
    """Write a sequence in OTB's layout; `read_otb` gives it back (of a lossy suffix, but for the loss).

    The box file comes last: a folder without one is not taken for a sequence.

    Args:
        sequence: What to write.
        folder: New or empty folder.
        suffix: Image format, e.g. ``.png`` or ``.jpg``.

    Raises:
        FileExistsError: The folder holds something.
        ValueError: The suffix is no image format.
    """
    folder = Path(folder)
    if suffix not in IMAGE_SUFFIXES:
        raise ValueError(f"suffix must be one of {', '.join(IMAGE_SUFFIXES)}, got '{suffix}'")
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"folder {folder} is not empty: give a new one")
    (folder / "img").mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(sequence.frames(), 1):
        encoded = cv2.imencode(suffix, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))[1]
        (folder / "img" / f"{number:04d}{suffix}").write_bytes(encoded.tobytes())
    if sequence.attributes:
        (folder / "attributes.txt").write_text(",".join(sequence.attributes) + "\n", "utf-8")
    write_bboxes(folder / "groundtruth_rect.txt", sequence.bboxes)


def parse_xywh(fields: list[str]) -> list[float]:
    """Read the fields of a line as the four numbers of a box; ``ValueError`` when they are not."""
    x, y, w, h = map(float, fields)
    return [x, y, w, h]


def read_bboxes(
    path: str | Path, parse: Callable[[list[str]], list[float]] = parse_xywh
) -> NDArray[np.float64]:
    """Read a text file of boxes: one ``x,y,w,h`` a line, 1-based, with commas, tabs or spaces.

    A line that is empty or holds a NaN or a width or height of 0 or less means that the target is absent;
    empty lines at the end of the file are no rows.

    Args:
        path: The text file.
        parse: Makes ``x, y, w, h`` of the fields of a line, for files that hold something else; raises
            ``ValueError`` for fields that are no box.

    Returns:
        float64 ``(N, 4)``, 0-based; absent rows are all NaN.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is not four numbers; file, line number and text are named.
    """
    text = _read_text(Path(path))
    if parse is parse_xywh:
        try:
            return _parse_plain([text])[0]
        except ValueError:
            pass  # what is wrong, and in which line, is found below
    lines = text.splitlines()
    rows = [_parse_row(line.strip(), f"{path}, line {n}", parse) for n, line in enumerate(lines, 1)]
    return from_one_based(np.array(rows, np.float64).reshape(-1, 4))


def read_bbox_files(paths: TypingSequence[Path]) -> list[NDArray[np.float64] | OSError | ValueError]:
    """`read_bboxes` of many files, in half the time; in place of a file's boxes, what is wrong with it."""
    return read_together(lambda some: _parse_plain([_read_text(path) for path in some]), read_bboxes, paths)


def write_bboxes(path: str | Path, bboxes: ArrayLike) -> None:
    """Write boxes as OTB does: ``x,y,w,h`` a line, 1-based, three decimals; ``nan,nan,nan,nan`` where absent.

    The file appears only when it is complete.

    Args:
        path: Text file to write or replace; its folder must exist.
        bboxes: ``(N, 4)``, 0-based.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: The boxes are not ``(N, 4)``.
    """
    array = np.asarray(bboxes, np.float64)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"bboxes must be (N, 4), got {array.shape}")
    lines = [",".join(f"{value:.3f}" for value in row) + "\n" for row in to_one_based(array)]
    with replacing(path) as temporary:
        temporary.write_text("".join(lines), "utf-8", newline="\n")


def _box_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("groundtruth_rect*.txt"), key=natural_order)


def _read_text(path: Path) -> str:
    """What a box file holds, up to empty lines at its end."""
    try:
        return path.read_text("utf-8-sig").rstrip()
    except FileNotFoundError:
        raise FileNotFoundError(f"box file does not exist: {path}") from None
    except UnicodeDecodeError:
        raise ValueError(f"box file {path} is not a text file") from None


def _parse_plain(texts: TypingSequence[str]) -> list[NDArray[np.float64]]:
    """The boxes of files that are as they should be, all at once; ``ValueError`` when one is not."""
    rows, ends = parse_tables(texts)
    if rows.shape[1] != 4 or np.isinf(rows).any():
        raise ValueError("expected four finite numbers a line")
    x, y, w, h = rows.T
    rows[np.isnan(x + y) | ~(w > 0) | ~(h > 0)] = math.nan
    return np.split(from_one_based(rows), ends)


def _parse_row(line: str, where: str, parse: Callable[[list[str]], list[float]]) -> list[float]:
    if not line:
        return _ABSENT
    try:
        values = parse(re.split(r"\s*,\s*|\s+", line))
    except ValueError:
        values = [math.inf]
    if any(map(math.isinf, values)):
        raise ValueError(f"{where}: expected four numbers x,y,w,h, got '{line[:60]}'")
    present = not any(map(math.isnan, values)) and values[2] > 0 and values[3] > 0
    return values if present else _ABSENT
