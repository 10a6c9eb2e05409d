"""Whether a video file is all there, and whether its frame count is exact, read from its header."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

_ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


@dataclass(frozen=True)
class Container:
    """What a video file says about itself."""

    counts_frames: bool
    """The header stores the number of frames (MP4, MOV, AVI); elsewhere it is duration times frame rate."""
    cut_short: bool
    """The file ends before the size that its own header announces: a broken copy or download."""
    shown_frames: int | None = None
    """How many of its frames a player shows, where an edit list of an MP4 leaves some out; None elsewhere."""


def inspect_container(path: str | Path) -> Container:
    """Look at the sizes that an MP4/MOV, AVI or Matroska/WebM header announces; other formats are trusted."""
    with Path(path).open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(12)
        file.seek(0)
        if head[4:8] in _ISO_BOXES:
            end, shown = _iso_end(file, size), _shown_frames(_movie(file, size))
            return Container(counts_frames=True, cut_short=end > size, shown_frames=shown)
        if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            return Container(counts_frames=True, cut_short=int.from_bytes(head[4:8], "little") + 8 > size)
        if head[:4] == _EBML:
            return Container(counts_frames=False, cut_short=_segment_end(file) > size)
    return Container(counts_frames=False, cut_short=False)


def _iso_end(file: BinaryIO, size: int) -> int:
    """Walk the top-level boxes of an MP4 and return where the last of them should end, in bytes."""
    end = 0
    while end < size:
        file.seek(end)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # 0: up to the end of the file; otherwise not a box
            break
        end += length
    return end


_LARGEST_MOVIE = 64 * 2**20  # bytes of an MP4's index; ten hours of video have a tenth of it


def _movie(file: BinaryIO, size: int) -> bytes:
    """The index of an MP4, its box ``moov``; empty where there is none of a reasonable size."""
    place = 0
    while place < size:
        file.seek(place)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        length = int.from_bytes(head[8:16], "big") if length == 1 else length
        if head[4:8] == b"moov" and length <= _LARGEST_MOVIE:
            return head[8:] + file.read(max(length - 16, 0))
        if length < 8:
            break
        place += length
    return b""


def _boxes(data: bytes, *path: bytes) -> Iterator[bytes]:
    """Contents of every box at the end of a path of nested boxes (ISO/IEC 14496-12)."""
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
    """Count the frames whose presentation begins in a piece that the video track's edit list plays."""
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
    """Units a second of a ``mvhd`` or ``mdhd``; 0 where it is cut short."""
    place = 20 if header[:1] == b"\1" else 12
    return int.from_bytes(header[place : place + 4], "big")


def _edits(box: bytes) -> Iterator[tuple[int, int]]:
    """Duration in the movie's units and start in the track's of each piece."""
    half = 8 if box[:1] == b"\1" else 4
    for place in range(8, len(box) - 2 * half, 2 * half + 4):
        duration, start = box[place : place + half], box[place + half : place + 2 * half]
        yield int.from_bytes(duration, "big"), int.from_bytes(start, "big", signed=True)


def _frame_times(table: bytes) -> "np.ndarray":
    """When each frame is shown, in the track's units; empty where the tables are none."""
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
    """The two columns of a table of numbers of four bytes."""
    rows = np.frombuffer(box[8 : 8 + (len(box) - 8) // 8 * 8], ">u4").reshape(-1, 2).astype(np.int64)
    return rows[:, 0], rows[:, 1]


def _segment_end(file: BinaryIO) -> int:
    """Return where the Segment of a Matroska file should end, in bytes; 0 where it does not say."""
    file.seek(4)
    header = _ebml_size(file) or 0
    file.seek(header, io.SEEK_CUR)
    if file.read(4) != _SEGMENT:
        return 0
    length = _ebml_size(file)
    return 0 if length is None else file.tell() + length


def _ebml_size(file: BinaryIO) -> int | None:
    """Read a variable-length size; None means unknown (a live recording)."""
    first = file.read(1)
    if not first or first == b"\0":
        return None
    extra = 8 - first[0].bit_length()
    bits = 7 * (extra + 1)
    value = int.from_bytes(first + file.read(extra), "big") & ((1 << bits) - 1)
    return None if value == (1 << bits) - 1 else value
