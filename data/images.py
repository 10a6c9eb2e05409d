"""Still images from disk: which files are images, in which order, and as RGB."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G and B in the luma of ITU-R BT.601."""

IMAGE_SUFFIXES = (".bmp", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp")
_REDUCED = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}


@contextlib.contextmanager
def silent_opencv() -> Iterator[None]:
    """Keep OpenCV's and FFmpeg's own lines off stderr: errors are raised and said once, in our words."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET; read at FFmpeg's first use
    log = getattr(cv2.utils, "logging", cv2)  # the functions' home until OpenCV 4.10
    level = log.getLogLevel()
    log.setLogLevel(0)
    try:
        yield
    finally:
        log.setLogLevel(level)


def is_image(path: Path) -> bool:
    """Tell by its name whether a path is an image; hidden files (``._0001.jpg``) are not."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def natural_order(path: Path) -> list[str | int]:
    """Sort key that counts: ``img2.jpg`` comes before ``img10.jpg``.

    >>> sorted([Path("img10.jpg"), Path("img2.jpg")], key=natural_order)[0].name
    'img2.jpg'
    """
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", str(path))]


def list_images(folder: str | Path) -> list[Path]:
    """Images of a folder (not of its sub-folders) in natural order; other files are ignored.

    Raises:
        FileNotFoundError: The folder does not exist.
        NotADirectoryError: It is not a folder.
        ValueError: It holds no image.
    """
    folder = Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"image folder does not exist: {folder}")
    if not folder.is_dir():
        raise NotADirectoryError(f"image folder must be a folder, got the file {folder}")
    entries = sorted(folder.iterdir(), key=natural_order)
    images = [path for path in entries if is_image(path) and path.is_file()]
    if not images:
        raise ValueError(
            f"folder {folder} holds no image: got {_summary(entries)}, "
            f"expected files named {', '.join('*' + suffix for suffix in IMAGE_SUFFIXES)}{_hint(folder)}"
        )
    return images


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """Read an image as uint8 RGB ``(H, W, 3)``.

    Grey is replicated, an alpha channel is dropped, 16 bits keep their upper 8.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file is empty, cut short, or no image that OpenCV decodes.
    """
    path = Path(path)
    try:
        data = path.read_bytes()  # cv2.imread knows no non-ASCII path on Windows
    except FileNotFoundError:
        raise FileNotFoundError(f"image does not exist: {path}") from None
    return np.asarray(cv2.cvtColor(decode_bgr(data, path), cv2.COLOR_BGR2RGB), np.uint8)


def decode_bgr(data: bytes, name: str | Path, reduce: int = 1) -> NDArray[np.uint8]:
    """Decode an image as uint8 **BGR** ``(H, W, 3)``, for a caller that converts only the part it needs.

    Args:
        data: The encoded image.
        name: Where it comes from, for the message.
        reduce: 1, 2, 4 or 8: decode to a fraction of the size, each pixel the mean of ``reduce²``. Only for
            what `is_jpeg` (OpenCV rounds the size of others differently), where it saves most of the time.

    Raises:
        ValueError: The data is empty, cut short, or no image that OpenCV decodes.
    """
    # OpenCV would fill the rest with grey. A thumbnail in the head has an end of its own, before the scan.
    if is_jpeg(data) and data.rfind(b"\xff\xd9") <= data.rfind(b"\xff\xda"):
        raise ValueError(f"image is cut short: {name} has no end-of-image marker after {len(data)} bytes")
    flags = cv2.IMREAD_COLOR if reduce == 1 else _REDUCED[reduce]
    with silent_opencv():
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    if image is None:
        raise ValueError(f"image cannot be decoded: {name} ({len(data)} bytes): replace it or leave it out")
    return np.asarray(image, np.uint8)


def is_jpeg(data: bytes) -> bool:
    """Tell by its first bytes whether an encoded image is a JPEG."""
    return data.startswith(b"\xff\xd8")


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in the head of a JPEG, before EXIF turns it; None where they are not found."""
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a frame's header, of any coding
            height, width = (int.from_bytes(data[place + at : place + at + 2], "big") for at in (5, 7))
            return width, height
        place += 2 + length
    return None


def _summary(entries: list[Path]) -> str:
    """Say in a few words what a folder holds instead of images."""
    if not entries:
        return "an empty folder"
    return f"{len(entries)} other entries ({', '.join(path.name for path in entries[:3])}…)"


def _hint(folder: Path) -> str:
    return f"; did you mean {folder / 'img'}?" if (folder / "img").is_dir() else ""
