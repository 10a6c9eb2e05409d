"""A session: one source, its lanes, and the current frame."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from data.boxes import Image
from data.track_result import TrackResult
from data.video import VideoWriter
from data.video.numbered import EndOfFrames, FrameStore
from experiments.drawing.frames import annotate
from experiments.drawing.jpeg import encode_jpeg
from experiments.drawing.palette import PALETTE, Colour
from experiments.serve.lane import Lane
from tracker import MultiTracker, Tracker, TrackOutput

MAX_LANES = 12
LONGEST = 1280
"""Longer side, in pixels, of the pictures that go to the page."""


class Session:
    """The tracking of one source; its methods block and are called by one thread at a time.

    Args:
        name: Name of the source.
        frames: The source's frames.
        trackers: Name -> builder of the trackers that can be chosen.

    Attributes:
        frame: Number of the current frame.
        lanes: Number -> lane, in the order of their start.

    Raises:
        ValueError, OSError: The first frame cannot be read.
    """

    def __init__(self, name: str, frames: FrameStore, trackers: Mapping[str, Callable[[], Tracker]]) -> None:
        self.name, self.frames, self._trackers = name, frames, trackers
        self.frame = 0
        self.lanes: dict[int, Lane] = {}
        self._numbers, self._targets = count(1), count(1)
        self._image = self._read(0)

    def _read(self, number: int) -> Image:
        try:
            return self.frames.read(number)
        except EndOfFrames:
            last = "" if self.frames.count is None else f": the last is {self.frames.count - 1}"
            raise ValueError(f"{self.name} has no frame {number}{last}") from None

    def show(self, frame: int) -> None:
        """Go to another frame, at most to the last.

        Raises:
            ValueError: The number is negative, or there is no such frame.
        """
        if frame < 0:
            raise ValueError(f"frame must be 0 or more, got {frame}")
        if self.frames.count is not None:
            frame = min(frame, self.frames.count - 1)
        try:
            self._image = self.frames.read(frame)
        except EndOfFrames:  # the file announced more frames than it has
            frame = max((self.frames.count or 1) - 1, 0)
            self._image = self._read(frame)
        self.frame = frame

    def advance(self) -> tuple[bool, bool]:
        """Go to the next frame, and track into it with every lane that has seen this one.

        Returns:
            Whether there was a next frame, and whether any lane tracked.
        """
        try:
            image = self.frames.read(self.frame + 1)
        except EndOfFrames:
            return False, False
        self.frame, self._image = self.frame + 1, image
        tracked = [lane.advance(self.frame, image) for lane in self.lanes.values()]
        return True, any(tracked)

    def add(self, bbox: ArrayLike, trackers: Sequence[str]) -> None:
        """Start each of ``trackers`` on a new target in the current frame; all of them or none.

        Raises:
            ValueError: ``trackers`` is empty or holds an unknown name, the box cannot be tracked, or there would be
                more than `MAX_LANES` lanes.
        """
        if not trackers:
            raise ValueError("choose at least one tracker before drawing a box")
        if unknown := [name for name in trackers if name not in self._trackers]:
            raise ValueError(f"unknown tracker {unknown[0]!r}: choices are {', '.join(self._trackers)}")
        if len(self.lanes) + len(trackers) > MAX_LANES:
            raise ValueError(f"at most {MAX_LANES} boxes are tracked at once: remove some first")
        started: list[Lane] = []
        for name in dict.fromkeys(trackers):
            lane = Lane(0, 0, name, MultiTracker(self._trackers[name]), PALETTE[0])
            lane.start(self.frame, self._image, bbox)
            started.append(lane)
        target = next(self._targets)
        for lane in started:
            lane.number, lane.target, lane.colour = next(self._numbers), target, self._free_colour()
            self.lanes[lane.number] = lane

    def _free_colour(self) -> tuple[int, int, int]:
        """The first colour of the palette among those that the fewest lanes have."""
        used = [lane.colour for lane in self.lanes.values()]
        return min(PALETTE, key=used.count)

    def correct(self, lane: int, bbox: ArrayLike, forget: bool) -> None:
        """Let a lane go on from ``bbox`` in the current frame, as `Lane.correct`; raises ``ValueError`` as `add`."""
        self._lane(lane).correct(self.frame, self._image, bbox, forget=forget)

    def remove(self, lane: int) -> None:
        """Remove a lane; raises ``ValueError`` if there is none of this number."""
        del self.lanes[self._lane(lane).number]

    def _lane(self, number: int) -> Lane:
        if number not in self.lanes:
            raise ValueError(f"there is no box {number} any more")
        return self.lanes[number]

    def view(self, response_of: int | None, **more: Any) -> bytes:
        """Encode the current view: 4 bytes with the length of a JSON header, the header, the frame as JPEG.

        Args:
            response_of: The lane whose response map is shown; or None.
            more: Further entries of the header.
        """
        height, width = self._image.shape[:2]
        header = {
            "name": self.name,
            "frame": self.frame,
            "count": self.frames.count,
            "fps": self.frames.fps,
            "live": self.frames.live,
            "width": width,
            "height": height,
            "lanes": [lane.describe(self.frame) for lane in self.lanes.values()],
            "response": self._response(response_of),
            **more,
        }
        text = json.dumps(header, allow_nan=False).encode()
        return len(text).to_bytes(4, "big") + text + encode_jpeg(self._image, 85, LONGEST)

    def _response(self, number: int | None) -> dict[str, Any] | None:
        lane = self.lanes.get(number or 0)
        row = lane.rows.get(self.frame) if lane else None
        if row is None or row.response is None:
            return None
        levels, area = row.response[0, 0].numpy(), row.response_bbox
        return {
            "lane": number,
            "bbox": None if area is None else [round(float(value), 2) for value in area],
            "shape": list(levels.shape),
            "levels": base64.b64encode(levels.tobytes()).decode(),
        }

    def _require_lanes(self) -> None:
        if not self.lanes:
            raise ValueError("there is nothing to download: draw a box around a target first")

    def results(self) -> list[TrackResult]:
        """The track of each lane.

        Raises:
            ValueError: No box was drawn.
        """
        self._require_lanes()
        height, width = self._image.shape[:2]
        video = {
            "source": self.name,
            "frame_wh": (width, height),
            "frame_count": self.frames.count or 0,
            "fps": self.frames.fps,
        }
        return [lane.result(self.frames.image_names, **video) for lane in self.lanes.values()]

    def painter(self) -> Callable[[Path], None]:
        """Copy the lanes for a function that writes the video, in any thread; see `paint`. Raises as `results`."""
        self._require_lanes()
        tracks = {f"{one.target} {one.name}": (one.colour, dict(one.rows)) for one in self.lanes.values()}
        return partial(paint, frames=self.frames.again(), fps=self.frames.fps or 25.0, tracks=tracks)

    def close(self) -> None:
        """Release the source."""
        self.frames.close()


def paint(
    path: Path, frames: FrameStore, fps: float, tracks: Mapping[str, tuple[Colour, Mapping[int, TrackOutput]]]
) -> None:
    """Write the video of the frames from the first box to the last one, complete or not at all.

    Args:
        path: file to write.
        frames: to read from; closed at the end.
        fps: of the video.
        tracks: name -> colour, and output by frame; see `annotate`.

    Raises:
        OSError, RuntimeError: The file cannot be written.
    """
    numbers = [number for _, rows in tracks.values() for number in rows]
    chosen = {name: colour for name, (colour, _) in tracks.items()}
    try:
        with VideoWriter(path, fps) as video:
            for number in range(min(numbers), max(numbers) + 1):
                shown = {name: rows[number] for name, (_, rows) in tracks.items() if number in rows}
                video.write(annotate(frames.read(number), number, shown, chosen))
    finally:
        frames.close()
