"""Still images from disk: which files are images, in which order, and as RGB."""

import contextlib
import functools
import logging
import os
import re
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from data.files import printable
from data.image_headers import TIFF_HEADS, image_size, is_whole_png

LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G and B in the luma of ITU-R BT.601."""

IMAGE_SUFFIXES = (".bmp", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp")

MAX_PIXELS = 100_000_000
"""Most pixels of an image that is decoded: a damaged or hostile header may announce more than memory holds."""

MAX_FRAMES = 1_000_000
"""Most images of a sequence; at 30 frames a second they last nine hours."""

_LOG = logging.getLogger(__name__)
_HEARING = threading.Lock()  # a process has one stderr
# A process that is forked meanwhile would have neither the lock nor stderr.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_HEARING.acquire, after_in_parent=_HEARING.release, after_in_child=_HEARING.release
    )
_OF_A_DECODER = re.compile(rb"JPEG|JFIF|Adobe marker|progression sequence|scanlines|libpng")
_REDUCED = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}


@contextlib.contextmanager
def silent_opencv() -> Iterator[None]:
    """Keep OpenCV and FFmpeg from printing to stderr: callers raise errors with messages of their own."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET; read at FFmpeg's first use
    log = getattr(cv2.utils, "logging", cv2)  # cv2.utils.logging until OpenCV 4.10
    level = log.getLogLevel()
    log.setLogLevel(0)
    try:
        yield
    finally:
        log.setLogLevel(level)


def is_image(path: Path) -> bool:
    """Tell by its name whether a path is an image; hidden files (``._0001.jpg``) do not count."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def natural_order(path: Path) -> list[str | int]:
    """Return a sort key under which ``img2.jpg`` comes before ``img10.jpg``.

    >>> sorted([Path("img10.jpg"), Path("img2.jpg")], key=natural_order)[0].name
    'img2.jpg'
    """
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", str(path))]


def list_images(folder: str | Path) -> list[Path]:
    """List the images of a folder (not of its sub-folders) in natural order; other files are ignored.

    Images are recognised by their suffix. If no file has an image suffix, files without any suffix are recognised
    by their content.

    Raises:
        FileNotFoundError: The folder does not exist, or an image in it is a link to nowhere.
        NotADirectoryError: The path is not a folder.
        ValueError: The folder holds no image, or more than `MAX_FRAMES`.
    """
    folder = Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"image folder does not exist: {folder}")
    if not folder.is_dir():
        raise NotADirectoryError(f"image folder must be a folder, got the file {folder}")
    entries = sorted(folder.iterdir(), key=natural_order)
    images = [path for path in entries if is_image(path) and _is_there(path)]
    images = images or [
        path for path in entries if not path.suffix and path.is_file() and _looks_like_image(path)
    ]
    if len(images) > MAX_FRAMES:
        raise ValueError(f"folder {folder} must hold at most {MAX_FRAMES} images, got {len(images)}")
    if not images:
        raise ValueError(
            f"folder {folder} holds no image: got {_summary(entries)}, "
            f"expected files named {', '.join('*' + suffix for suffix in IMAGE_SUFFIXES)}{_hint(folder)}"
        )
    return images


def read_images(paths: Iterable[str | Path], source: str = "") -> Iterator[NDArray[np.uint8]]:
    """Read the frames of one sequence as uint8 RGB ``(H, W, 3)``.

    Images deeper than 8 bits (thermal cameras) are converted to 8 bits by one range for all, see `Levels`; the log
    states the range.

    Args:
        paths: The images in order.
        source: Name of the sequence in the log.

    Raises:
        FileNotFoundError, ValueError: While iterating, as `read_image`.
    """
    levels = Levels()
    for path in paths:
        said = levels.limits
        yield read_image(path, levels)
        if said is None and levels.limits is not None:
            _LOG.warning("%s %s", source or f"images from {path} on", levels.text)


def read_image(path: str | Path, levels: "Levels | None" = None) -> NDArray[np.uint8]:
    """Read an image as uint8 RGB ``(H, W, 3)``.

    Grey is replicated, an alpha channel is dropped, EXIF's orientation is applied.

    Args:
        path: The file.
        levels: The range of the sequence, for images deeper than 8 bits; None: the range of this image.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file is empty, cut short, too large, or no image that OpenCV decodes.
    """
    path = Path(path)
    try:
        data = path.read_bytes()  # cv2.imread knows no non-ASCII path on Windows
    except FileNotFoundError:
        raise FileNotFoundError(f"image does not exist: {path}") from None
    return np.asarray(cv2.cvtColor(decode_bgr(data, path, levels=levels), cv2.COLOR_BGR2RGB), np.uint8)


class Levels:
    """Converts images deeper than 8 bits to 8 bits, with one range of values for a whole sequence.

    The range is that of the first image with any contrast, without the extreme thousandth of its pixels at either
    end (hot and dead pixels). Values outside become 0 or 255.

    Attributes:
        limits: The values that become 0 and 255; None before the first image that needs them.
        text: The limits in words.
    """

    def __init__(self) -> None:
        self.limits: tuple[float, float] | None = None
        self.text = ""

    def to_8_bits(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the image as uint8, of the same shape; NaN becomes 0."""
        if self.limits is None:
            step = max(round((image.size / 2e6) ** 0.5), 1)
            sample = np.asarray(image[::step, ::step], np.float64)
            sample = sample[np.isfinite(sample)]
            low, high = np.percentile(sample, [0.1, 99.9]) if sample.size else (0.0, 0.0)
            if not low < high:
                return np.zeros(image.shape, np.uint8)
            self.limits = float(low), float(high)
            of_first = f"values {low:g} to {high:g}, those of the first image,"
            self.text = f"({image.dtype}): {of_first} become 0 to 255 in every image"
        low, high = self.limits
        scaled = (np.clip(np.nan_to_num(image, nan=low), low, high) - low) * (255 / (high - low))
        return np.rint(scaled).astype(np.uint8)


def decode_bgr(
    data: bytes, name: str | Path, reduce: int = 1, *, levels: Levels | None = None, turn: bool = True
) -> NDArray[np.uint8]:
    """Decode an image as uint8 **BGR** ``(H, W, 3)``, for a caller that converts only the part it needs.

    Args:
        data: The encoded image.
        name: Source of the data, for messages.
        reduce: Decode to 1 / ``reduce`` of the size, each pixel the mean of ``reduce²``; see `jpeg_reduction`.
        levels: The range of the sequence, for images deeper than 8 bits; None: the range of this image.
        turn: Apply EXIF's orientation.

    Raises:
        ValueError: The data is empty, cut short, of more than `MAX_PIXELS`, or no image that OpenCV decodes.
    """
    _check_header(data, name)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH if reduce == 1 else _REDUCED[reduce]
    with _heard() as said:
        image = _decode(data, flags if turn else flags | cv2.IMREAD_IGNORE_ORIENTATION)
    if said and image is not None and is_jpeg(data):  # libpng warns of what does no harm
        _warn_once(f"image {printable(str(name))} may be damaged, a part of it grey or shifted: {said[0]}")
    if image is None and data[:4] in TIFF_HEADS:  # OpenCV does not convert a TIFF of 32 or 64 bits to colour
        image = _decode(data, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    if image is None:
        raise ValueError(f"image cannot be decoded: {name} ({len(data)} bytes): replace it or leave it out")
    if image.dtype != np.uint8:
        image = (levels or Levels()).to_8_bits(image)
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)


def jpeg_reduction(data: bytes, shrink: float) -> int:
    """Choose 1, 2, 4 or 8 as `decode_bgr`'s ``reduce`` for an encoded image that ``shrink`` makes smaller anyway.

    Reducing saves most of the time of decoding. It is 1 for other formats than JPEG, whose sizes OpenCV rounds
    differently.
    """
    return next((factor for factor in (8, 4, 2) if shrink >= factor), 1) if is_jpeg(data) else 1


def _check_header(data: bytes, name: str | Path) -> None:
    """Refuse damaged and too large images before any memory is spent on them."""
    size = image_size(data)
    if size is None:
        raise ValueError(
            f"image cannot be decoded: {name} ({len(data)} bytes) is no BMP, GIF, JPEG, PNG, PNM, TIFF or WebP image"
        )
    if size[0] * size[1] > MAX_PIXELS:
        raise ValueError(
            f"image {name} must have at most {MAX_PIXELS // 10**6} million pixels, got {size[0]}x{size[1]}"
        )
    # OpenCV would fill the rest with grey. A thumbnail in the header has its own end marker, before the scan.
    if is_jpeg(data) and data.rfind(b"\xff\xd9") <= data.rfind(b"\xff\xda"):
        raise ValueError(f"image is cut short: {name} has no end-of-image marker after {len(data)} bytes")
    if data.startswith(b"\x89PNG") and not is_whole_png(data):
        raise ValueError(f"image is damaged or cut short: {name} has a wrong checksum in {len(data)} bytes")


def _decode(data: bytes, flags: int) -> NDArray[Any] | None:
    with silent_opencv():
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        except cv2.error:  # a size beyond OpenCV's limits, or no memory
            return None
    return None if image is None else np.asarray(image)


@contextlib.contextmanager
def _heard() -> Iterator[list[str]]:
    """Catch the lines that libjpeg and libpng print to stderr; the list has them at the end.

    What other threads print meanwhile follows when it is over.
    """
    lines: list[str] = []
    with _HEARING:
        try:
            stderr = os.dup(2)
        except OSError:  # this process has none
            yield lines
            return
        read, write = os.pipe()
        with contextlib.suppress(OSError, AttributeError):  # Windows before Python 3.12
            os.set_blocking(write, False)  # what a full pipe does not take is lost
        os.dup2(write, 2)
        try:
            yield lines
        finally:
            os.dup2(stderr, 2)
            os.close(write)
            os.close(stderr)
            printed = os.read(read, 2**16).splitlines(keepends=True)
            os.close(read)
            lines += [line.decode(errors="replace").strip() for line in printed if _OF_A_DECODER.search(line)]
            os.write(2, b"".join(line for line in printed if not _OF_A_DECODER.search(line)))


@functools.lru_cache(1000)
def _warn_once(text: str) -> None:
    _LOG.warning("%s", text)


def is_jpeg(data: bytes) -> bool:
    """Tell by its first bytes whether an encoded image is a JPEG."""
    return data.startswith(b"\xff\xd8")


def _is_there(path: Path) -> bool:
    """Tell whether a path is a file; raise for a broken link, which would shift all later frames and boxes."""
    if path.is_symlink() and not path.exists():
        raise FileNotFoundError(f"image {path} is a link to {path.readlink()}, which does not exist")
    return path.is_file()


def _looks_like_image(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(65536)
    whole = head[:4] in TIFF_HEADS or image_size(head) is not None  # a TIFF may state its size anywhere
    return whole and not path.name.startswith(".")


def _summary(entries: list[Path]) -> str:
    if not entries:
        return "an empty folder"
    return f"{len(entries)} other entries ({', '.join(path.name for path in entries[:3])}…)"


def _hint(folder: Path) -> str:
    return f"; did you mean {folder / 'img'}?" if (folder / "img").is_dir() else ""
