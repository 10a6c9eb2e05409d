"""Synthetic sequences as scenes whose motion is a function of time, rendered frame by frame."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from data.synthetic.bodies import Body, Pose

GRAIN_ZERO = 8
"""Value of the noise image for no noise."""


@dataclass(frozen=True)
class Wave:
    """A smooth function of time: ``mean + sum of amplitude sin(2 pi t / period + phase)``."""

    mean: float
    amplitudes: tuple[float, ...] = ()
    periods: tuple[float, ...] = ()
    phases: tuple[float, ...] = ()

    def __call__(self, time: float) -> float:
        """Compute the value at a time in frames."""
        terms = zip(self.amplitudes, self.periods, self.phases, strict=True)
        return self.mean + float(sum(a * np.sin(2 * np.pi * time / t + f) for a, t, f in terms))


@dataclass(frozen=True)
class Actor:
    """A body and its motion as waves."""

    body: Body
    x: Wave
    y: Wave
    log_scale: Wave = field(default=Wave(0.0))
    angle: Wave = field(default=Wave(0.0))
    bulge: tuple[Wave, Wave] = (Wave(0.0), Wave(0.0))
    yaw_rate: float | None = None
    shutter: float = 0.0
    """Share of the time between frames for which the shutter is open."""

    def pose(self, time: float) -> Pose:
        """Compute the pose at a time in frames."""
        yaw = None if self.yaw_rate is None else self.yaw_rate * time
        bulge = (self.bulge[0](time), self.bulge[1](time))
        return Pose(self.x(time), self.y(time), np.exp(self.log_scale(time)), self.angle(time), yaw, bulge)

    def exposure(self, time: float) -> list[Pose]:
        """Compute the poses of one exposure: one, or with an open shutter several, about 2 pixels apart."""
        if not self.shutter:
            return [self.pose(time)]
        start, end = self.pose(time - self.shutter / 2), self.pose(time + self.shutter / 2)
        count = int(np.clip(np.hypot(end.x - start.x, end.y - start.y) / 2, 3, 9))
        moments = (np.arange(count) + 0.5) / count - 0.5
        return [self.pose(time + self.shutter * moment) for moment in moments]


@dataclass(frozen=True)
class Occluder:
    """A body that passes in front of the target every ``period`` frames, from the left and the right in turn."""

    body: Body
    period: int
    reach: float
    """Largest distance from the target, in pixels, at the start and the end of a pass."""

    def pose(self, time: float, target: Pose) -> Pose:
        """Compute the pose at a time in frames; half-way through a period the body hides the target."""
        turn, into = divmod(time, self.period)
        way = 2 * into / self.period - 1
        offset = self.reach * (0.4 * way + 0.6 * way**3) * (1 if turn % 2 else -1)
        return Pose(target.x + offset, target.y + 0.1 * offset)


@dataclass(frozen=True)
class SyntheticSequence:
    """A sequence whose frames are rendered on demand; made by `synthetic_sequence`.

    Frames can be rendered in any order, always with the same pixels, and are not stored.

    Attributes:
        name: A name that is also a valid file name.
        size_wh: Width and height of the frames in pixels.
        attributes: Names of the sequence's challenges, as in OTB.
    """

    name: str
    length: int
    size_wh: tuple[int, int]
    attributes: tuple[str, ...]
    target: Actor
    passers: tuple[Actor, ...]
    occluder: Occluder | None
    background: NDArray[np.uint8]
    camera: tuple[Wave, Wave]
    light: tuple[Wave, Wave, Wave] | None
    grain: NDArray[np.uint8]
    colour: bool

    def __len__(self) -> int:
        return self.length

    @cached_property
    def bboxes(self) -> NDArray[np.float64]:
        """Boxes of all frames, float64 ``(N, 4)`` x, y, w, h in pixels, 0-based; NaN where out of view."""
        return np.array([self.bbox(index) for index in range(self.length)]).reshape(-1, 4)

    def bbox(self, index: int) -> NDArray[np.float64]:
        """Compute the tight box of the target's whole outline, including hidden parts and parts outside the frame.

        With an open shutter it is the box at mid-exposure. A target entirely outside the frame has a box of NaN.
        """
        box = self.target.body.bbox(self.target.pose(self._check(index)))
        outside = (box[:2] + box[2:] <= 0).any() or (box[:2] >= self.size_wh).any()
        return np.full(4, np.nan) if outside else box

    def mask(self, index: int) -> NDArray[np.float32]:
        """Compute the share of each pixel that the target covers, hidden or not: float32 ``(H, W)`` in 0…1."""
        return self.target.body.coverage(self.size_wh, self.target.exposure(self._check(index)))

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Render the frames one by one as uint8 RGB ``(H, W, 3)``."""
        return map(self.frame, range(self.length))

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Render one frame as uint8 RGB ``(H, W, 3)``; a grey sequence has three equal channels."""
        time = self._check(index)
        centre = (self.camera[0](time), self.camera[1](time))
        image = np.asarray(cv2.getRectSubPix(self.background, self.size_wh, centre), np.uint8)
        for actor in (*self.passers, self.target):
            actor.body.draw(image, actor.exposure(time))
        if self.occluder:
            self.occluder.body.draw(image, [self.occluder.pose(time, self.target.pose(time))])
        if self.light:
            image = np.asarray(cv2.LUT(image, self._light_table(time)), np.uint8)
        image = self._add_grain(image, index)
        if not self.colour:
            grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
            image = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)
        return image

    def _check(self, index: int) -> int:
        if not 0 <= index < self.length:
            raise IndexError(f"frame index must be in 0…{self.length - 1}, got {index}")
        return index

    def _light_table(self, time: float) -> NDArray[np.uint8]:
        assert self.light is not None
        gain, contrast, tint = (wave(time) for wave in self.light)
        levels = (np.arange(256) / 255)[None, :, None] ** np.exp(contrast)
        gains = np.exp(gain + tint * np.array([1.0, 0.0, -1.0]))
        return np.rint(np.clip(255 * gains * levels, 0, 255)).astype(np.uint8)

    def _add_grain(self, image: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        """Add sensor noise, which each frame takes from another place of one noise image."""
        height, width = image.shape[:2]
        top = index * 37 % (self.grain.shape[0] - height)
        left = index * 61 % (self.grain.shape[1] - width)
        noise = np.ascontiguousarray(self.grain[top : top + height, left : left + width])
        return np.asarray(cv2.subtract(cv2.add(image, noise), np.full_like(image, GRAIN_ZERO)), np.uint8)
