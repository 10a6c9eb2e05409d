"""Frames by number, in any order: of a video file, a folder of images or a camera."""

from collections import OrderedDict
from collections.abc import Sequence
from glob import has_magic
from pathlib import Path
from typing import Protocol

import cv2

from data.boxes import Image
from data.images import list_images, read_image
from data.video.reader import FramesEndedEarly, VideoFrames, glob_images, open_video

CACHE_BYTES = 128 << 20
"""Decoded frames of a video that are kept: stepping back reads none of them again."""

RECORDED = 10_000
"""Frames of a camera that are kept on disk."""


class EndOfFrames(Exception):
    """There is no frame of that number."""


class FrameStore(Protocol):
    """Numbered frames of one size, read by one thread.

    Attributes:
        fps: Frames a second, or None.
        count: Number of frames; None where it is not known, as of a camera.
        image_names: File name of each frame of a folder, else None.
        live: New frames keep coming: a camera.
    """

    fps: float | None
    count: int | None
    image_names: Sequence[str] | None
    live: bool

    def read(self, number: int) -> Image:
        """The frame ``number``, from 0, uint8 ``(H, W, 3)`` RGB; raises `EndOfFrames` beyond the last."""

    def again(self) -> "FrameStore":
        """The same frames for another thread."""

    def close(self) -> None:
        """Release the file or camera."""


class ImageFrames:
    """The images of a folder, or of a list of files."""

    live = False

    def __init__(self, paths: Sequence[Path], fps: float | None = None) -> None:
        self._paths, self.fps = list(paths), fps
        self.count: int | None = len(self._paths)
        self.image_names: Sequence[str] | None = [path.name for path in paths]

    def read(self, number: int) -> Image:
        """See `FrameStore`."""
        if number >= len(self._paths):
            raise EndOfFrames
        return read_image(self._paths[number])

    def again(self) -> FrameStore:
        """See `FrameStore`."""
        return ImageFrames(self._paths, self.fps)

    def close(self) -> None:
        """See `FrameStore`."""


class VideoFileFrames:
    """The frames of a video file.

    A decoder seeks to key frames only, and many files are wrong about where these are: a frame behind the last one
    read, and no longer in the cache, is reached by reading the file from its beginning.
    """

    live = False
    image_names: Sequence[str] | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._video = self._open()
        self._cache: OrderedDict[int, Image] = OrderedDict()
        self.fps, self.count = self._video.fps, self._video.frame_count

    def _open(self) -> VideoFrames:
        self._next = 0
        return open_video(self._path)

    def read(self, number: int) -> Image:
        """See `FrameStore`; where a file is cut short its frames end there."""
        if number in self._cache:
            self._cache.move_to_end(number)
            return self._cache[number]
        if number < self._next:
            self._video.close()
            self._video = self._open()
        while True:
            try:
                image = next(self._video)
            except (StopIteration, FramesEndedEarly):
                self.count = self._next
                raise EndOfFrames from None
            self._keep(self._next, image)
            self._next += 1
            if self._next > number:
                return image

    def _keep(self, number: int, image: Image) -> None:
        self._cache[number] = image
        while len(self._cache) > 1 and len(self._cache) * image.nbytes > CACHE_BYTES:
            self._cache.popitem(last=False)

    def again(self) -> FrameStore:
        """See `FrameStore`."""
        return VideoFileFrames(self._path)

    def close(self) -> None:
        """See `FrameStore`."""
        self._video.close()


class CameraFrames:
    """The frames of a camera, taken when they are asked for; those before are read from what was recorded.

    Args:
        index: Number of the camera.
        folder: Where frames are recorded as JPEG, so that one can go back to them.
    """

    live = True
    image_names: Sequence[str] | None = None
    count: int | None = None

    def __init__(self, index: int, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._video, self._folder, self._recorded = open_video(index), folder, 0
        self.fps = self._video.fps

    def read(self, number: int) -> Image:
        """See `FrameStore`; the next number is the frame that the camera sees now."""
        if number < self._recorded:
            return read_image(self._file(number))
        if number > self._recorded or number >= RECORDED:
            raise EndOfFrames
        image = next(self._video)
        encoded = cv2.imencode(
            ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95]
        )[1]
        self._file(number).write_bytes(encoded.tobytes())
        self._recorded += 1
        return image

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:06d}.jpg"

    def again(self) -> FrameStore:
        """See `FrameStore`: what was recorded until now."""
        return ImageFrames([self._file(number) for number in range(self._recorded)], self.fps)

    def close(self) -> None:
        """See `FrameStore`."""
        self._video.close()


def open_frames(source: str | Path, folder: Path) -> FrameStore:
    """Open a video file, a folder of images (or one with them in ``img/``, as OTB has it), a glob or a camera's number.

    Args:
        source: The path, or the number as text.
        folder: Where a camera's frames are recorded.

    Raises:
        OSError, ValueError: Nothing is there, or it cannot be read.
    """
    if isinstance(source, str) and source.isdecimal():
        return CameraFrames(int(source), folder)
    path = Path(source)
    if path.is_dir():
        inner = path / "img"
        return ImageFrames(list_images(inner if inner.is_dir() else path))
    if has_magic(str(source)) and not path.exists():
        return ImageFrames(glob_images(str(source)))
    return VideoFileFrames(path)
