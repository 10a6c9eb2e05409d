"""WebM of VP8 key frames: each frame is encoded as a WebP image, a VP8 key frame after 20 bytes of headers.

The file has the elements that a player needs: header, one track, clusters of a second, and a cue for each cluster.
Element numbers: RFC 8794 (EBML) and RFC 9559 (Matroska).
"""

import struct
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

_CLUSTER_MS = 1000
_UNKNOWN = b"\x01" + b"\xff" * 7
"""The unknown size in eight bytes, until the real size replaces it."""


class WebmEncoder:
    """Writes VP8 key frames with their times.

    Args:
        path: File to write.
        size_wh: Width and height of the frames in pixels.
        fps: Nominal frames per second; players follow the times.
        quality: 1…100, of the WebP images.
    """

    def __init__(self, path: Path, size_wh: tuple[int, int], fps: float, quality: int) -> None:
        self._quality, self._frame_ms = quality, 1000 / fps
        self._blocks: list[bytes] = []
        self._start = self._last = 0  # of the cluster, and of its last frame, in ms
        self._cues: list[bytes] = []
        self._file = path.open("wb")
        self._file.write(_element(0x1A45DFA3, *_EBML) + _number(0x18538067) + _UNKNOWN)
        self._begin = self._file.tell()
        self._head = _Head(size_wh, fps)
        self._file.write(self._head.encoded(0.0, 0))

    def write(self, bgr: NDArray[np.uint8], milliseconds: int) -> None:
        """Append a frame, uint8 BGR ``(H, W, 3)``, that is shown from that time on."""
        if self._blocks and milliseconds - self._start >= _CLUSTER_MS:
            self._end_cluster()
        if not self._blocks:
            self._start = milliseconds
        self._last = milliseconds
        block = b"\x81" + struct.pack(">hB", milliseconds - self._start, 0x80) + self._key_frame(bgr)
        self._blocks.append(_element(0xA3, block))

    def close(self) -> None:
        """Write the last cluster, the cues, and the sizes that were unknown until now; raises ``OSError``."""
        with self._file as file:
            self._end_cluster()
            cues = file.tell() - self._begin
            file.write(_element(0x1C53BB6B, *self._cues))
            size = file.tell() - self._begin
            file.seek(self._begin - 8)
            file.write((size | 1 << 56).to_bytes(8, "big"))
            file.write(self._head.encoded(self._last + self._frame_ms, cues))

    def _end_cluster(self) -> None:
        if self._blocks:
            position = _element(0xB7, _unsigned(0xF7, 1), _unsigned(0xF1, self._file.tell() - self._begin))
            self._cues.append(_element(0xBB, _unsigned(0xB3, self._start), position))
            self._file.write(_element(0x1F43B675, _unsigned(0xE7, self._start), *self._blocks))
            self._blocks = []

    def _key_frame(self, bgr: NDArray[np.uint8]) -> bytes:
        webp = np.ravel(cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, self._quality])[1]).tobytes()
        if webp[12:16] != b"VP8 ":
            raise RuntimeError(
                f"this OpenCV ({cv2.__version__}) writes WebP images of another kind: use .mp4"
            )
        return webp[20 : 20 + int.from_bytes(webp[16:20], "little")]


class _Head:
    """The elements before the first cluster, of constant length."""

    def __init__(self, size_wh: tuple[int, int], fps: float) -> None:
        picture = _element(0xE0, _unsigned(0xB0, size_wh[0]), _unsigned(0xBA, size_wh[1]))
        track = [_unsigned(0xD7, 1), _unsigned(0x73C5, 1), _unsigned(0x83, 1), _unsigned(0x9C, 0)]
        track += [_element(0x86, b"V_VP8"), _unsigned(0x23E383, round(1e9 / fps)), picture]
        self._tracks = _element(0x1654AE6B, _element(0xAE, *track))

    def encoded(self, duration_ms: float, cues: int) -> bytes:
        """Encode the elements, given the length of the video and the position of the cues in the segment."""
        place = _element(0x4DBB, _element(0x53AB, _number(0x1C53BB6B)), _unsigned(0x53AC, cues))
        apps = [_element(number, b"regression tracking") for number in (0x4D80, 0x5741)]
        about = [_unsigned(0x2AD7B1, 10**6), _element(0x4489, struct.pack(">d", duration_ms)), *apps]
        return _element(0x114D9B74, place) + _element(0x1549A966, *about) + self._tracks


def _number(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _element(number: int, *contents: bytes) -> bytes:
    """Encode an element with its size in eight bytes."""
    return b"".join((_number(number), (sum(map(len, contents)) | 1 << 56).to_bytes(8, "big"), *contents))


def _unsigned(number: int, value: int) -> bytes:
    return _element(number, value.to_bytes(8, "big"))


_EBML = (
    _unsigned(0x4286, 1),
    _unsigned(0x42F7, 1),
    _unsigned(0x42F2, 4),
    _unsigned(0x42F3, 8),
    _element(0x4282, b"webm"),
    _unsigned(0x4287, 2),
    _unsigned(0x4285, 2),
)
