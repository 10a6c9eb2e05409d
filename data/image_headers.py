"""Headers of encoded images, read without decoding: size, EXIF's orientation, checksums."""

import re
import zlib
from collections.abc import Iterator

TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""First bytes of TIFF and BigTIFF in either byte order."""

_PNG = b"\x89PNG\r\n\x1a\n"
_PNM = re.compile(rb"P[1-6]\s+(?:#[^\n]*\n\s*)*(\d{1,9})\s+(?:#[^\n]*\n\s*)*(\d{1,9})\s")
_WIDTH, _HEIGHT, _ORIENTATION = 256, 257, 274  # tags of TIFF and EXIF


def image_size(data: bytes) -> tuple[int, int] | None:
    """Read width and height in pixels as stored, before EXIF's orientation.

    Args:
        data: An encoded BMP, GIF, JPEG, PNG, PNM, TIFF or WebP image, or its first 64 KiB (of a TIFF all of it).

    Returns:
        Width and height, or None if the data is in none of these formats or too short.
    """
    if data.startswith(_PNG):
        size = _big(data, 16, 4), _big(data, 20, 4)
    elif data.startswith(b"\xff\xd8"):
        size = _jpeg_size(data)
    elif data.startswith(b"BM"):
        step = 2 if _little(data, 14, 4) == 12 else 4
        size = (
            _little(data, 18, step),
            abs(int.from_bytes(data[18 + step : 18 + 2 * step], "little", signed=True)),
        )
    elif data.startswith(b"GIF8"):
        size = _little(data, 6, 2), _little(data, 8, 2)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        size = _webp_size(data)
    elif data[:4] in TIFF_HEADS:
        tags = _tiff_tags(data)
        size = tags.get(_WIDTH, 0), tags.get(_HEIGHT, 0)
    else:
        found = _PNM.match(data)
        size = (int(found[1]), int(found[2])) if found else (0, 0)
    return size if all(size) else None


def jpeg_orientation(data: bytes) -> int:
    """Read EXIF's orientation of a JPEG: 1 (as stored) to 8; from 5 on width and height change places."""
    for marker, start, stop in _jpeg_segments(data):
        if marker == 0xE1 and data[start : start + 6] == b"Exif\0\0":
            orientation = _tiff_tags(data[start + 6 : stop]).get(_ORIENTATION, 1)
            return orientation if 1 <= orientation <= 8 else 1
    return 1


def is_whole_png(data: bytes) -> bool:
    """Tell whether every chunk of a PNG has a right checksum; libpng would print a warning to stderr."""
    place, kind = len(_PNG), b""
    while kind != b"IEND":
        stop = place + 8 + _big(data, place, 4)
        kind = data[place + 4 : place + 8]
        if stop + 4 > len(data) or zlib.crc32(memoryview(data)[place + 4 : stop]) != _big(data, stop, 4):
            return False
        place = stop + 4
    return True


def _big(data: bytes, place: int, length: int) -> int:
    return int.from_bytes(data[place : place + length], "big")


def _little(data: bytes, place: int, length: int) -> int:
    return int.from_bytes(data[place : place + length], "little")


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, first byte and end of the content of each segment before the scan; skip junk as decoders do."""
    place = 2
    while (place := data.find(b"\xff", place)) >= 0 and place + 4 <= len(data):
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
        elif marker in (0xD9, 0xDA):  # the end, or the scan
            return
        elif marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:  # markers without content
            place += 2
        else:
            stop = place + 2 + _big(data, place + 2, 2)
            yield marker, place + 4, stop
            place = max(stop, place + 4)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    for marker, start, _ in _jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a frame's header, of any coding
            return _big(data, start + 3, 2), _big(data, start + 1, 2)
    return 0, 0


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return _little(data, 24, 3) + 1, _little(data, 27, 3) + 1
    if kind == b"VP8L":
        bits = _little(data, 21, 4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF


def _tiff_tags(data: bytes) -> dict[int, int]:
    """Read the whole numbers in the first directory of a TIFF or BigTIFF."""
    read = _big if data[:2] == b"MM" else _little
    wide = read(data, 2, 2) == 43
    first, counted, entry = (8, 8, 20) if wide else (4, 2, 12)
    place = read(data, first, 8 if wide else 4)
    lengths = {1: 1, 3: 2, 4: 4, 16: 8}  # bytes of a number of each type
    tags = {}
    for index in range(min(read(data, place, counted), 1000)):
        at = place + counted + entry * index
        if (kind := read(data, at + 2, 2)) in lengths:
            tags[read(data, at, 2)] = read(data, at + (12 if wide else 8), lengths[kind])
    return tags
