"""Frames out: a video file that plays, complete or not there."""

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from data.files import replacing
from data.images import silent_opencv
from data.video.containers import inspect_container

ENCODERS = {".webm": "VP80", ".mp4": "vp09", ".avi": "MJPG"}
"""Code of the encoder for each suffix: those that are inside the wheels of OpenCV 4 and 5."""


class VideoWriter:
    """Writes RGB frames to a video file; a context manager.

    ``.webm`` and ``.mp4`` play in browsers (``mp4v``, OpenCV's usual choice, does not; H.264 is not in the
    wheels), ``.avi`` in players only. ``.webm`` is the quickest of the two by far: each frame is encoded on
    its own as a WebP image, which is a VP8 key frame, so that a player can also step to any frame.

    The file appears under its name when the writer is closed, also by an exception or Ctrl-C, with the frames
    written until then; without any frame there is no file. A frame with an odd width or height is extended
    by a copy of its last column or row, as the encoders need.

    Args:
        path: File to write or replace, ``.webm``, ``.mp4`` or ``.avi``; its folder must exist.
        fps: Frames per second.
        quality: 1…100, of ``.webm`` only; the other encoders have no such setting in OpenCV.

    Raises:
        ValueError: The suffix, rate or quality is none of these.
        FileNotFoundError: The folder does not exist.
        OSError: The folder cannot be written.
    """

    def __init__(self, path: str | Path, fps: float = 25.0, quality: int = 80) -> None:
        self.path, self.fps, self.quality = Path(path), fps, quality
        self.frames_written = 0
        self.frame_size: tuple[int, int] | None = None
        self._suffix = self.path.suffix.lower()
        if self._suffix not in ENCODERS:
            raise ValueError(f"video must end in one of {', '.join(ENCODERS)}, got {self.path.name}")
        if not (math.isfinite(fps) and 0 < fps <= 1000):
            raise ValueError(f"fps must be above 0 and at most 1000, got {fps}")
        if not 1 <= quality <= 100:
            raise ValueError(f"quality must be in 1…100, got {quality}")
        if self.path.is_dir():
            raise IsADirectoryError(f"cannot write the video {self.path}: a folder has that name")
        self._closed = False
        self._pending = contextlib.ExitStack()
        self._temporary = self._pending.enter_context(replacing(self.path))
        self._encoder: cv2.VideoWriter | None = None
        try:
            self._temporary.touch()
            self._temporary.unlink()
        except OSError as error:
            raise OSError(f"cannot write the video {self.path}: {error.strerror or error}") from error

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append a frame.

        Args:
            frame: uint8 RGB ``(H, W, 3)``, of the same size as the first.

        Raises:
            ValueError: It is of another type or size.
            RuntimeError: The writer is closed, or the encoder does not start.
        """
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
        if self._encoder is None:
            self._encoder = self._start(size)
        bgr = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), np.uint8)
        if size[0] % 2 or size[1] % 2:
            bgr = np.pad(bgr, ((0, size[1] % 2), (0, size[0] % 2), (0, 0)), "edge")
        self._encoder.write(self._key_frame(bgr) if self._suffix == ".webm" else bgr)
        self.frames_written += 1

    def close(self) -> None:
        """Finish the file and move it to its name. May be called again.

        Raises:
            RuntimeError: The file is not complete, e.g. because the disk is full.
        """
        self._closed = True
        with self._pending:
            encoder, self._encoder = self._encoder, None
            if encoder is not None:
                encoder.release()
                if inspect_container(self._temporary).cut_short or not self._temporary.stat().st_size:
                    raise RuntimeError(f"the video {self.path} could not be finished: is the disk full?")

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, size: tuple[int, int]) -> cv2.VideoWriter:
        even = (size[0] + size[0] % 2, size[1] + size[1] % 2)
        code = cv2.VideoWriter.fourcc(*ENCODERS[self._suffix])
        raw = [cv2.VIDEOWRITER_PROP_RAW_VIDEO, 1, cv2.VIDEOWRITER_PROP_KEY_INTERVAL, 1]
        with silent_opencv(), _silent_stderr():
            encoder = cv2.VideoWriter(
                str(self._temporary),
                cv2.CAP_FFMPEG,
                code,
                self.fps,
                even,
                raw if self._suffix == ".webm" else [],
            )
        if not encoder.isOpened():
            raise RuntimeError(
                f"OpenCV {cv2.__version__} does not encode {self._suffix}: try one of {', '.join(ENCODERS)}"
            )
        self.frame_size = size
        return encoder

    def _key_frame(self, bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Encode one frame as WebP and return the VP8 key frame that follows its 20 bytes of headers."""
        webp = np.ravel(cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, self.quality])[1])
        if webp[12:16].tobytes() != b"VP8 ":
            raise RuntimeError(
                f"this OpenCV ({cv2.__version__}) writes WebP images of another kind: use .mp4"
            )
        length = int.from_bytes(webp[16:20].tobytes(), "little")
        return np.ascontiguousarray(webp[20 : 20 + length])[None]


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Mute a line that OpenCV prints past its own log: WebM has no four-letter code for its codec."""
    saved = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
