"""Reading RGB frames one by one from a video file, a folder, glob or list of images, a camera or a stream."""

import glob
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from data.images import MAX_FRAMES, is_image, list_images, natural_order, read_images, silent_opencv
from data.video.containers import Container, inspect_container

Frame = NDArray[np.uint8]
Source = str | int | Path | Iterable[str | Path]


class FramesEndedEarly(RuntimeError):
    """Raised after the last good frame of a source that ends early, so that results so far can be kept.

    If a file is cut inside a frame, the last frame returned may be partly grey.

    Attributes:
        read: Frames returned.
        announced: Frames that the source announced, or None.
    """

    def __init__(self, source: str, read: int, announced: int | None, reason: str) -> None:
        self.read, self.announced = read, announced
        of = "" if announced is None else f" of {announced} announced"
        super().__init__(f"{source} ended early: read {read}{of} frames; {reason}")


class VideoFrames(Iterator[Frame]):
    """Iterator of uint8 RGB frames ``(H, W, 3)``, all of one size; also a context manager.

    Attributes:
        source: Name of the source for messages.
        fps: Frames per second; None if the source does not state it (images, some streams).
        frame_count: Number of frames that the source announces; None if unknown.
        names: File names of images in reading order, or None.
        frame_size: ``(width, height)`` in pixels, None before the first frame.
        frames_read: Frames returned so far.
        time: Time of the last returned frame in seconds from the start of the video, according to the container;
            None for images and cameras.

    Raises:
        ValueError: While iterating: a frame has another size than the first, or an image cannot be decoded.
        FramesEndedEarly: While iterating: a video or camera stopped before its announced end.
    """

    def __init__(
        self,
        source: str,
        frames: Iterator[tuple[Frame, float | None]],
        *,
        fps: float | None = None,
        frame_count: int | None = None,
        names: list[str] | None = None,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self.source, self.fps, self.frame_count, self.names = source, fps, frame_count, names
        self.frame_size: tuple[int, int] | None = None
        self.frames_read = 0
        self.time: float | None = None
        self._frames, self._release = frames, release

    def __next__(self) -> Frame:
        try:
            frame, self.time = next(self._frames)
        except Exception:  # also StopIteration: release a camera at once
            self.close()
            raise
        size = (frame.shape[1], frame.shape[0])
        first = self.frame_size = self.frame_size or size
        if size != first:
            number, name = self.frames_read + 1, f" ({self.names[self.frames_read]})" if self.names else ""
            self.close()
            raise ValueError(
                f"frames of {self.source} must have one size: frame {number}{name} is {size[0]}x{size[1]} "
                f"but the first was {first[0]}x{first[1]}"
            )
        self.frames_read += 1
        return frame

    def close(self) -> None:
        """Release the file or camera and end the iteration. May be called again."""
        self._frames = iter(())
        self._release()

    def __enter__(self) -> "VideoFrames":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_video(source: Source) -> VideoFrames:
    """Open any source of frames.

    Args:
        source: A video file, a folder of images (natural order: img2 before img10), a glob pattern of images,
            a list of image paths (in its order), a camera index (``0``, or ``"0"`` if no file or folder has
            that name), or a stream URL (``rtsp://…``).

    Returns:
        An iterator of uint8 RGB frames ``(H, W, 3)``.

    Raises:
        FileNotFoundError: The path does not exist, or a glob matches nothing.
        ValueError: The source is no video, breaks before its first frame, holds no image, or cannot be opened.
        TypeError: The source is of another type.
    """
    if isinstance(source, int) and not isinstance(source, bool):
        return _open_camera(source)
    if isinstance(source, str | Path):
        return _open_path(str(source))
    if isinstance(source, Iterable) and not isinstance(source, bytes | np.ndarray):
        paths = [Path(path) for path in source]
        return _open_images(paths, f"list of {len(paths)} images")
    raise TypeError(
        f"source must be a path, glob, list of image paths, camera index or URL, got {type(source).__name__}"
    )


def is_camera(source: str) -> bool:
    """Tell whether a text is a camera's index: ``0``, ``1`` … if no file or folder has that name."""
    return source.isdecimal() and source == str(int(source)) and not Path(source).exists()


def _open_path(source: str) -> VideoFrames:
    path = Path(source)
    if is_camera(source):
        return _open_camera(int(source))
    if "://" in source:
        return _open_capture(source, f"stream {source}", None)
    if source and path.is_dir():
        return _open_images(list_images(path), f"folder {source}")
    if path.is_file():
        if is_image(path):
            return _open_images([path], f"image {source}")
        return _open_capture(source, f"video {source}", inspect_container(path))
    if glob.has_magic(source):
        return _open_images(glob_images(source), f"glob {source}")
    hint = "; a numbered pattern is written as a glob, e.g. 'img/*.jpg'" if "%" in source else ""
    raise FileNotFoundError(
        f"video source does not exist: {source or '(empty)'} "
        f"(expected a video file, folder of images, glob, camera index or URL{hint})"
    )


def glob_images(pattern: str) -> list[Path]:
    """The images that a pattern matches, in natural order.

    Raises:
        FileNotFoundError: it matches nothing.
        ValueError: it matches no image.
    """
    matches = glob.glob(pattern, recursive=True)  # noqa: PTH207 - an absolute pattern is fine here
    found = sorted(map(Path, matches), key=natural_order)
    if not found:
        raise FileNotFoundError(f"glob matches no file: {pattern}")
    if not (images := [match for match in found if is_image(match)]):
        raise ValueError(f"glob {pattern} matches {len(found)} files but no image, e.g. {found[0]}")
    return images


def _open_images(paths: list[Path], source: str) -> VideoFrames:
    if not paths:
        raise ValueError("list of images is empty: expected at least one path")
    if len(paths) > MAX_FRAMES:
        raise ValueError(f"{source} must hold at most {MAX_FRAMES} images, got {len(paths)}")
    if missing := [path for path in paths if not path.is_file()]:
        raise FileNotFoundError(f"{len(missing)} of {len(paths)} images do not exist, first {missing[0]}")
    frames = ((image, None) for image in read_images(paths, source))
    return VideoFrames(source, frames, frame_count=len(paths), names=[path.name for path in paths])


def _open_camera(index: int) -> VideoFrames:
    if index < 0:
        raise ValueError(f"camera index must be 0 or more, got {index}")
    return _open_capture(index, f"camera {index}", None)


def _open_capture(target: str | int, source: str, container: Container | None) -> VideoFrames:
    """Open a source with OpenCV and decode the first frame, so that a broken source fails here."""
    with silent_opencv():
        capture = cv2.VideoCapture(target, _backend(target))
        good, first = capture.read()
    if not good:
        opened = capture.isOpened()
        capture.release()
        raise ValueError(_unreadable(target, source, container, opened))
    announced = _announced(capture, container) if isinstance(target, str) else None
    fps = capture.get(cv2.CAP_PROP_FPS)
    known_fps = fps if math.isfinite(fps) and 0 < fps <= 1000 else None  # some streams report 90000

    def frames() -> Iterator[tuple[Frame, float | None]]:
        good, frame, read, time = True, first, 0, None
        while good:
            time = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 if isinstance(target, str) else None
            yield _to_rgb(frame), time
            read += 1
            with silent_opencv():
                good, frame = capture.read()
        live = isinstance(target, int)
        if reason := _early_end(read, time, announced, known_fps, container, live=live):
            raise FramesEndedEarly(source, read, announced, reason)

    return VideoFrames(source, frames(), fps=known_fps, frame_count=announced, release=capture.release)


def _announced(capture: cv2.VideoCapture, container: Container | None) -> int | None:
    if container is not None and container.shown_frames:
        return container.shown_frames
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(count) if 0 < count < 2**31 else None


def _backend(target: str | int) -> int:
    """Choose FFmpeg for files and streams if OpenCV has it: other backends print to stderr when they fail."""
    ffmpeg = isinstance(target, str) and cv2.videoio_registry.hasBackend(cv2.CAP_FFMPEG)
    return cv2.CAP_FFMPEG if ffmpeg else cv2.CAP_ANY


def _unreadable(target: str | int, source: str, container: Container | None, opened: bool) -> str:
    if isinstance(target, int):
        why = "delivers no frame" if opened else "cannot be opened"
        return f"{source} {why}: check that it is connected and not in use, or give another index"
    if container is None:
        return f"{source} cannot be read: check the address and the network"
    if Path(target).stat().st_size == 0:
        return f"{source} cannot be read: the file is empty (0 bytes)"
    if container.cut_short:
        return f"{source} cannot be read: the file is cut short, copy or download it again"
    what = "no frame in it can be decoded" if opened else "no video format that OpenCV knows"
    return f"{source} cannot be read: {what}; expected e.g. an .mp4, .avi, .mkv or .webm file"


def _early_end(
    read: int,
    time: float | None,
    announced: int | None,
    fps: float | None,
    container: Container | None,
    *,
    live: bool,
) -> str | None:
    """Return the reason for an early end, or None if the end is clean.

    In a file that is cut short, every announced frame must be found. In a complete file a few frames may be missing
    (dropped frames): 2 frames or 5 %. If the count is only duration times rate, the last frame must lie in the last
    second: with a varying rate the number of frames is unknown.
    """
    if live:
        return "the camera stopped delivering frames"
    if announced is None or container is None:
        return None
    if container.cut_short:
        return "the file is cut short: copy or download it again" if read < announced else None
    if not container.counts_frames and time is not None and time >= announced / (fps or 30.0) - 1:
        return None
    slack = max(2.0, 0.05 * announced, 0.0 if container.counts_frames else fps or 30.0)
    return "the rest of the file cannot be decoded" if announced - read > slack else None


def _to_rgb(frame: np.ndarray) -> Frame:
    if frame.ndim == 2 or frame.shape[2] == 1:
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_GRAY2RGB), np.uint8)
    code = cv2.COLOR_BGR2RGB if frame.shape[2] == 3 else cv2.COLOR_BGRA2RGB
    return np.asarray(cv2.cvtColor(frame, code), np.uint8)
