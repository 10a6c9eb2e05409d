"""A lane: one tracker on one target, with its output in each frame."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from numpy.typing import ArrayLike

from data.boxes import Floats, Image, check_bbox_in_frame
from data.track_result import TrackResult
from experiments.drawing.palette import Colour
from experiments.trackers.follow import track_result
from tracker import MultiTracker, TrackOutput

MAP_SIDE = 64
"""Largest number of cells of a response map along its longer side that are sent to the page."""

TARGET = "target"
"""The id that the only target of a lane has in its tracker."""


@dataclass
class Lane:
    """One tracker on one target.

    Attributes:
        number: Id of the lane.
        target: Number of the target, from 1; several trackers may follow one target.
        name: Name of the tracker.
        tracker: The tracker, which has no target but this one.
        colour: RGB.
        rows: Frame -> output; its response is one of `shrunk`, its score NaN where the user drew the box.
        last: The last frame that the tracker has seen.
        drawn: Frames in which the user drew the box.
        runs: Stretches ``[first, last, lost]`` of frames with a box, in order, for the time line.
    """

    number: int
    target: int
    name: str
    tracker: MultiTracker
    colour: Colour
    rows: dict[int, TrackOutput] = field(default_factory=dict)
    last: int = -1
    drawn: set[int] = field(default_factory=set)
    runs: list[list[int]] = field(default_factory=list)
    _correction: tuple[Image, Floats, bool] | None = None

    def start(self, frame: int, image: Image, bbox: ArrayLike) -> None:
        """Start on ``bbox``.

        Raises:
            ValueError: The box cannot be tracked in the frame.
        """
        self.tracker.init(image, {TARGET: self._draw(frame, image, bbox)})

    def correct(self, frame: int, image: Image, bbox: ArrayLike, *, forget: bool = False) -> None:
        """Go on from ``bbox``, and drop the rows of later frames.

        The tracker learns the box when it goes on, so that of a box dragged twice only the last place is learned. It
        keeps what it learned before, from later frames too, unless ``forget`` or the lane starts in this frame.

        Raises:
            ValueError: The box cannot be tracked in the frame.
        """
        box = self._draw(frame, image, bbox)
        self._correction = (image, box, forget or frame == min(self.rows))

    def _draw(self, frame: int, image: Image, bbox: ArrayLike) -> Floats:
        box = check_bbox_in_frame(bbox, (image.shape[1], image.shape[0]))
        self.rows = {number: row for number, row in self.rows.items() if number < frame}
        self.drawn = {number for number in self.drawn if number < frame} | {frame}
        self.runs = []
        for number, row in sorted(self.rows.items()):
            self._extend_runs(number, row.lost)
        self._file(frame, TrackOutput(box, math.nan))
        return box

    def advance(self, frame: int, image: Image) -> bool:
        """Track into ``frame`` if the tracker has seen the frame before it last; return whether it tracked."""
        if self.last != frame - 1:
            return False
        if self._correction is not None:
            drawn_in, box, forget = self._correction
            self.tracker.correct(drawn_in, box, TARGET, forget=forget)
            self._correction = None
        self._file(frame, shrunk(self.tracker.update(image)[TARGET]))
        return True

    def _file(self, frame: int, row: TrackOutput) -> None:
        self.rows[frame], self.last = row, frame
        self._extend_runs(frame, row.lost)

    def _extend_runs(self, frame: int, lost: bool) -> None:
        if self.runs and self.runs[-1][1:] == [frame - 1, int(lost)]:
            self.runs[-1][1] = frame
        else:
            self.runs.append([frame, frame, int(lost)])

    def describe(self, frame: int) -> dict[str, Any]:
        """Describe the lane in ``frame`` for the page; NaN becomes None for JSON."""
        row = self.rows.get(frame)
        return {
            "id": self.number,
            "target": self.target,
            "tracker": self.name,
            "colour": list(self.colour),
            "last": self.last,
            "runs": self.runs,
            "drawn": sorted(self.drawn),
            "row": None
            if row is None
            else {
                "bbox": [round(float(value), 3) for value in row.bbox],
                "score": _or_none(row.score),
                "psr": _or_none(row.psr),
                "lost": row.lost,
                "drawn": frame in self.drawn,
            },
        }

    def result(self, image_names: Sequence[str] | None, **video: Any) -> TrackResult:
        """The lane's track; ``video`` are further attributes of `TrackResult`."""
        return track_result(f"target{self.target}-{self.name}", self.rows, image_names, **video)


def _or_none(value: float) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None


def shrunk(output: TrackOutput) -> TrackOutput:
    """An output whose response, if any, is uint8, its peak 255, and has at most `MAP_SIDE` cells a side."""
    if output.response is None:
        return output
    rows, columns = (-(-side // MAP_SIDE) for side in output.response.shape[2:])
    values = output.response[..., ::rows, ::columns].float().cpu()
    return replace(output, response=(values / values.max().clamp_min(1e-6) * 255).clamp(0, 255).byte())
