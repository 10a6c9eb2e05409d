"""Writing frames to a video file, completely or not at all."""

import contextlib
import errno
import math
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from data.files import naming_the_file, replacing
from data.images import silent_opencv
from data.video.containers import inspect_container
from data.video.h264 import H264Encoder, has_h264
from data.video.webm import WebmEncoder

SUFFIXES = (".webm", ".mp4", ".avi")


class _Encoder(Protocol):
    def write(self, bgr: NDArray[np.uint8], milliseconds: int) -> None:
        """Append a frame that is shown from that time on."""

    def close(self) -> None:
        """Finish the file; raises ``OSError`` if it is not complete."""


class VideoWriter:
    """Writes RGB frames to a video file; a context manager.

    ``.mp4`` is H.264, which every player and browser shows, if PyAV is installed (requirements-video.txt), else
    OpenCV's VP9. ``.webm`` needs no further package and plays in browsers; every frame is a key frame, so that a
    player can step to any frame. ``.avi`` (MJPEG) plays in players only.

    The file appears under its name when the writer is closed, also by an exception or Ctrl-C, with the frames
    written until then; without any frame there is no file. The encoders need even sizes: a frame with an odd width
    or height is extended by a copy of its last column or row.

    Args:
        path: File to write or replace, ``.webm``, ``.mp4`` or ``.avi``; its folder must exist.
        fps: Frames per second.
        quality: 1…100, for ``.webm`` and H.264; OpenCV has no such setting for the other encoders.

    Raises:
        ValueError: The suffix, rate or quality is out of range.
        FileNotFoundError: The folder does not exist.
        OSError: The folder cannot be written.
    """

    def __init__(self, path: str | Path, fps: float = 25.0, quality: int = 80) -> None:
        self.path, self.fps, self.quality = Path(path), fps, quality
        self.frames_written = 0
        self.frame_size: tuple[int, int] | None = None
        self._suffix = self.path.suffix.lower()
        if self._suffix not in SUFFIXES:
            raise ValueError(f"video must end in one of {', '.join(SUFFIXES)}, got {self.path.name}")
        if not (math.isfinite(fps) and 0 < fps <= 1000):
            raise ValueError(f"fps must be above 0 and at most 1000, got {fps}")
        if not 1 <= quality <= 100:
            raise ValueError(f"quality must be in 1…100, got {quality}")
        if self.path.is_dir():
            raise IsADirectoryError(f"cannot write the video {self.path}: a folder has that name")
        self._closed = False
        self._pending = contextlib.ExitStack()
        self._temporary = self._pending.enter_context(replacing(self.path))
        self._encoder: _Encoder | None = None
        self._last = -1
        self._failed = False
        try:
            self._temporary.touch()
            self._temporary.unlink()
        except OSError as error:
            raise OSError(f"cannot write the video {self.path}: {error.strerror or error}") from error

    def write(self, frame: NDArray[np.uint8], time: float | None = None) -> None:
        """Append a frame.

        Args:
            frame: uint8 RGB ``(H, W, 3)``, of the same size as the first.
            time: Time of the frame in seconds from the start of the video, increasing; None for the constant rate,
                which OpenCV's encoders (``.avi``, VP9) always use.

        Raises:
            ValueError: The frame has another type or size.
            RuntimeError: The writer is closed, or the encoder does not start.
            OSError: The disk is full, or the like.
        """
        self._check(frame)
        size = (frame.shape[1], frame.shape[0])
        bgr = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), np.uint8)
        if size[0] % 2 or size[1] % 2:
            bgr = np.pad(bgr, ((0, size[1] % 2), (0, size[0] % 2), (0, 0)), "edge")
        planned = self.frames_written / self.fps if time is None or not math.isfinite(time) else time
        self._last = max(round(planned * 1000), self._last + 1)
        try:
            with naming_the_file(self.path):
                if self._encoder is None:
                    self._encoder = self._start((bgr.shape[1], bgr.shape[0]))
                    self.frame_size = size
                self._encoder.write(bgr, self._last)
        except OSError:
            self._failed = True
            raise
        self.frames_written += 1

    def close(self) -> None:
        """Finish the file and move it to its name. May be called again.

        Raises:
            OSError: The file is not complete, e.g. because the disk is full.
        """
        self._closed = True
        with self._pending:
            encoder, self._encoder = self._encoder, None
            if encoder is not None and self._failed:  # the error was raised by write; the file is removed
                with contextlib.suppress(Exception):
                    encoder.close()
                self._temporary.unlink(missing_ok=True)
            elif encoder is not None:
                with naming_the_file(self.path):
                    encoder.close()
                if inspect_container(self._temporary).cut_short or not self._temporary.stat().st_size:
                    raise OSError(f"cannot write {self.path}: the video is not complete; is the disk full?")

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self, frame: NDArray[np.uint8]) -> None:
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError(f"frame must be uint8 RGB (H, W, 3), got {frame.dtype} of shape {frame.shape}")
        size = (frame.shape[1], frame.shape[0])
        if self.frame_size not in (None, size):
            raise ValueError(
                f"frames of {self.path.name} must have one size: frame {self.frames_written + 1} is "
                f"{size[0]}x{size[1]}, expected {'x'.join(map(str, self.frame_size or ()))}"
            )
        if self._closed:
            raise RuntimeError(f"the video {self.path} is closed: open another writer")

    def _start(self, size_wh: tuple[int, int]) -> _Encoder:
        if self._suffix == ".webm":
            return WebmEncoder(self._temporary, size_wh, self.fps, self.quality)
        if self._suffix == ".mp4" and has_h264():
            return H264Encoder(self._temporary, size_wh, self.fps, self.quality)
        return _OpenCVEncoder(self._temporary, size_wh, self.fps)


class _OpenCVEncoder:
    """Writes frames at a constant rate with the encoders in the wheels of OpenCV 4 and 5."""

    def __init__(self, path: Path, size_wh: tuple[int, int], fps: float) -> None:
        self._path, self._count = path, 0
        code = cv2.VideoWriter.fourcc(*{".mp4": "vp09", ".avi": "MJPG"}[path.suffix.lower()])
        with silent_opencv():
            self._writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, fps, size_wh)
        if not self._writer.isOpened():
            raise RuntimeError(f"OpenCV {cv2.__version__} does not encode {path.suffix}: try .webm")

    def write(self, bgr: NDArray[np.uint8], milliseconds: int) -> None:
        self._count += 1
        with silent_opencv():
            self._writer.write(bgr)

    def close(self) -> None:
        """Finish the file and count its frames, because OpenCV does not report failed writes."""
        with silent_opencv():
            self._writer.release()
            there = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG).get(cv2.CAP_PROP_FRAME_COUNT)
        if there != self._count:
            raise OSError(errno.ENOSPC, f"{there:.0f} of {self._count} frames were written")
