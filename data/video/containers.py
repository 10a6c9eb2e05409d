"""Whether a video file is all there, and whether its frame count is exact, read from its header."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


@dataclass(frozen=True)
class Container:
    """What a video file says about itself."""

    counts_frames: bool
    """The header stores the number of frames (MP4, MOV, AVI); elsewhere it is duration times frame rate."""
    cut_short: bool
    """The file ends before the size that its own header announces: a broken copy or download."""


def inspect_container(path: str | Path) -> Container:
    """Look at the sizes that an MP4/MOV, AVI or Matroska/WebM header announces; other formats are trusted."""
    with Path(path).open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(12)
        file.seek(0)
        if head[4:8] in _ISO_BOXES:
            return Container(counts_frames=True, cut_short=_iso_end(file, size) > size)
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
