"""Headers of video files: whether the file is complete, and whether its frame count is exact."""

import contextlib
import importlib.util
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

_ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


@dataclass(frozen=True)
class Container:
    """Properties of a video file according to its header."""

    counts_frames: bool
    """The header stores the number of frames (MP4, MOV, AVI); else the number is duration times frame rate."""
    cut_short: bool
    """The file ends before the size that its header announces: a broken copy or download."""
    shown_frames: int | None = None
    """Number of frames that a player shows, if an edit list of an MP4 leaves some out; else None."""


def inspect_container(path: str | Path) -> Container:
    """Read the sizes in an MP4/MOV, AVI or Matroska/WebM header; files of other formats count as complete."""
    with Path(path).open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(12)
        file.seek(0)
        if head[4:8] in _ISO_BOXES:
            end, shown = (
                sum(length for _, length in _iso_boxes(file, size)),
                _shown_frames(_movie(file, size)),
            )
            return Container(counts_frames=True, cut_short=end > size, shown_frames=shown)
        if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            return Container(counts_frames=True, cut_short=int.from_bytes(head[4:8], "little") + 8 > size)
        if head[:4] == _EBML:
            return Container(counts_frames=False, cut_short=_segment_end(file) > size)
    return Container(counts_frames=False, cut_short=False)


def change_of_size(path: str | Path, seconds: float = 2.0) -> str | None:
    """Say in words where the frames of a video change their size, which OpenCV's reader hides: it scales them.

    Only key frames can bring another size, so only they are decoded, with PyAV.

    Args:
        path: The video.
        seconds: Time after which no more of the file is looked at.

    Returns:
        None if no change was found, PyAV is not installed, or the file is no video.
    """
    if importlib.util.find_spec("av") is None:
        return None
    import av

    av.logging.set_level(av.logging.PANIC)  # what is wrong with the file, its reader says
    until, first = time.monotonic() + seconds, None
    with contextlib.suppress(av.FFmpegError, IndexError), av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = "NONKEY"
        for frame in container.decode(stream):
            size = f"{frame.width}x{frame.height}"
            first = first or size
            if size != first:
                return f"{path} changes its frame size from {first} to {size} at {frame.time or 0:.1f} s"
            if time.monotonic() > until:
                break
    return None


def _iso_boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Yield the first 16 bytes and the announced length of each top-level box of an MP4; leave the file after them."""
    place = 0
    while place < size:
        file.seek(place)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # 0: up to the end of the file; otherwise not a box
            return
        yield head, length
        place += length


_LARGEST_MOVIE = 64 * 2**20  # bytes of an MP4's index; ten hours of video have a tenth of it


def _movie(file: BinaryIO, size: int) -> bytes:
    """Read the index of an MP4, the box ``moov``; empty if there is none of a reasonable size."""
    for head, length in _iso_boxes(file, size):
        if head[4:8] == b"moov" and length <= _LARGEST_MOVIE:
            return head[8:] + file.read(max(length - 16, 0))
    return b""


def _boxes(data: bytes, *path: bytes) -> Iterator[bytes]:
    """Yield the content of every box at the end of a path of nested boxes (ISO/IEC 14496-12)."""
    place = 0
    while path and place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if length < 8:
            return
        if data[place + 4 : place + 8] == path[0]:
            content = data[place + 8 : place + length]
            yield from _boxes(content, *path[1:]) if len(path) > 1 else iter([content])
        place += length


def _shown_frames(movie: bytes) -> int | None:
    """Count the frames that start in an edit that the video track's edit list plays; None without such a list."""
    for track in _boxes(movie, b"trak"):
        edits = next(_boxes(track, b"edts", b"elst"), b"")
        handler = next(_boxes(track, b"mdia", b"hdlr"), b"")
        if handler[8:12] == b"vide" and edits:
            scale = _time_scale(next(_boxes(movie, b"mvhd"), b""))
            own_scale = _time_scale(next(_boxes(track, b"mdia", b"mdhd"), b""))
            times = _frame_times(next(_boxes(track, b"mdia", b"minf", b"stbl"), b""))
            if not (scale and own_scale and len(times)):
                return None
            shown = np.zeros(len(times), bool)
            for duration, start in _edits(edits):
                if start >= 0:  # -1 is a pause
                    length = duration * own_scale / scale if duration else np.inf
                    shown |= (times >= start) & (times < start + length)
            return int(shown.sum())
    return None


def _time_scale(header: bytes) -> int:
    """Read the time units for each second from a ``mvhd`` or ``mdhd``; 0 if the box is cut short."""
    place = 20 if header[:1] == b"\1" else 12
    return int.from_bytes(header[place : place + 4], "big")


def _edits(box: bytes) -> Iterator[tuple[int, int]]:
    """Yield duration in the movie's units and start in the track's units of each edit."""
    half = 8 if box[:1] == b"\1" else 4
    for place in range(8, len(box) - 2 * half, 2 * half + 4):
        duration, start = box[place : place + half], box[place + half : place + 2 * half]
        yield int.from_bytes(duration, "big"), int.from_bytes(start, "big", signed=True)


def _frame_times(table: bytes) -> "np.ndarray":
    """Compute the time of each frame in the track's units; empty if the tables are missing or wrong."""
    steps, shifts = (next(_boxes(table, kind), b"") for kind in (b"stts", b"ctts"))
    counts, durations = _pairs(steps)
    if not 0 < counts.sum() <= 10**8:
        return np.empty(0)
    times = np.concatenate([[0], np.cumsum(np.repeat(durations, counts))[:-1]])
    counts, offsets = _pairs(shifts)
    if counts.sum() == len(times):
        times += np.repeat(offsets.astype(np.uint32).view(np.int32), counts)
    return times


def _pairs(box: bytes) -> tuple["np.ndarray", "np.ndarray"]:
    """Read the two columns of a table of four-byte numbers."""
    rows = np.frombuffer(box[8 : 8 + (len(box) - 8) // 8 * 8], ">u4").reshape(-1, 2).astype(np.int64)
    return rows[:, 0], rows[:, 1]


def _segment_end(file: BinaryIO) -> int:
    """Return the position at which the Segment of a Matroska file should end, in bytes; 0 if unknown."""
    file.seek(4)
    header = _ebml_size(file) or 0
    file.seek(header, io.SEEK_CUR)
    if file.read(4) != _SEGMENT:
        return 0
    length = _ebml_size(file)
    return 0 if length is None else file.tell() + length


def _ebml_size(file: BinaryIO) -> int | None:
    """Read a variable-length size; None if unknown (a live recording)."""
    first = file.read(1)
    if not first or first == b"\0":
        return None
    extra = 8 - first[0].bit_length()
    bits = 7 * (extra + 1)
    value = int.from_bytes(first + file.read(extra), "big") & ((1 << bits) - 1)
    return None if value == (1 << bits) - 1 else value
