"""Textured bodies of known outline, drawn to sub-pixel accuracy without cv2's warps, which differ between 4 and 5."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.synthetic.textures import Texture

_ANGLES = np.linspace(-np.pi, np.pi, 1025)
_COSINES, _SINES = np.cos(_ANGLES), np.sin(_ANGLES)
_REACH = 1.25  # the outline stays within this many half sizes of the centre


@dataclass(frozen=True)
class Pose:
    """Position and orientation of a body.

    Attributes:
        x: Centre in pixels, 0-based.
        y: Centre in pixels, 0-based.
        scale: Size relative to the body's own.
        angle: Rotation in the image plane in radians, clockwise as seen.
        yaw: Rotation about the body's vertical axis in radians, which moves the texture and not the outline;
            None is a flat body.
        bulge: Amplitudes of the 2nd and 3rd harmonic that deform the outline, relative to its radius.
    """

    x: float
    y: float
    scale: float = 1.0
    angle: float = 0.0
    yaw: float | None = None
    bulge: tuple[float, float] = (0.0, 0.0)


class Body:
    """A textured, shaded body.

    Args:
        half_wh: Half width and half height in pixels at scale 1.
        texture: float32 RGB ``(H, W, 3)`` in 0…255 that wraps around in x; its middle half faces the camera.
        roundness: Exponent of the superellipse: 2 is an ellipse, a larger one nearer to a box.
        lumps: Amplitudes of the harmonics 2, 3, … of the outline at rest, relative to its radius.
        phases: Phases of these harmonics in radians; the first two are also those of `Pose.bulge`.
    """

    def __init__(
        self,
        half_wh: tuple[float, float],
        texture: Texture,
        roundness: float = 2.0,
        lumps: Sequence[float] = (0.0, 0.0),
        phases: Sequence[float] = (0.0, 0.0),
    ) -> None:
        self.half_wh, self.texture, self._phases = half_wh, texture, phases
        ellipse = (np.abs(_COSINES) ** roundness + np.abs(_SINES) ** roundness) ** (-1 / roundness)
        waves = [a * np.cos(k * _ANGLES + f) for k, (a, f) in enumerate(zip(lumps, phases, strict=True), 2)]
        self._rest = ellipse * (1 + np.sum(waves, axis=0)) / (1 + np.sum(np.abs(lumps)))

    def bbox(self, pose: Pose) -> NDArray[np.float64]:
        """Compute the tight upright box of the whole outline, float64 ``(4,)`` x, y, w, h, 0-based.

        Pixel ``i`` covers ``i - 0.5 … i + 0.5``: an outline that starts at ``left`` has ``x = left + 0.5``.
        """
        radius = self._rest * self._stretch(pose)
        along = self.half_wh[0] * pose.scale * radius * _COSINES
        down = self.half_wh[1] * pose.scale * radius * _SINES
        cosine, sine = np.cos(pose.angle), np.sin(pose.angle)
        x = pose.x + cosine * along - sine * down
        y = pose.y + sine * along + cosine * down
        return np.array([x.min() + 0.5, y.min() + 0.5, np.ptp(x), np.ptp(y)])

    def draw(self, image: NDArray[np.uint8], poses: Sequence[Pose]) -> None:
        """Draw the body into an RGB image in place; several poses are averaged, as motion blur in one exposure."""
        if (region := self._region(image.shape, poses)) is None:
            return
        patch = image[region]
        change = np.zeros(patch.shape, np.float32)
        for pose in poses:
            alpha, colour = self._sample(region, pose)
            change += alpha[..., None] * (colour - patch)
        patch[...] = np.rint(np.clip(patch + change / len(poses), 0, 255))

    def coverage(self, size_wh: tuple[int, int], poses: Sequence[Pose]) -> NDArray[np.float32]:
        """Compute the share of each pixel that the body covers, float32 ``(H, W)`` in 0…1."""
        cover = np.zeros(size_wh[::-1], np.float32)
        if (region := self._region(cover.shape, poses)) is not None:
            cover[region] = np.mean([self._sample(region, pose)[0] for pose in poses], axis=0)
        return cover

    def _stretch(self, pose: Pose) -> NDArray[np.float64]:
        """Compute the factor by which the pose deforms the outline's radius at each angle."""
        two, three = pose.bulge
        if not two and not three:
            return np.ones_like(_ANGLES)
        first, second = self._phases[:2]
        return 1 + two * np.cos(2 * _ANGLES + first) + three * np.cos(3 * _ANGLES + second)

    def _region(self, shape: tuple[int, ...], poses: Sequence[Pose]) -> tuple[slice, slice] | None:
        """Return the rows and columns of an image that the poses touch; None if fewer than 2 of either."""
        boxes = np.array([self.bbox(pose) for pose in poses])
        left, top = np.floor(boxes[:, :2].min(axis=0)).astype(int) - 2
        right, bottom = np.ceil((boxes[:, :2] + boxes[:, 2:]).max(axis=0)).astype(int) + 2
        rows = slice(max(0, top), min(shape[0], bottom))
        columns = slice(max(0, left), min(shape[1], right))
        inside = rows.stop - rows.start >= 2 and columns.stop - columns.start >= 2
        return (rows, columns) if inside else None

    def _sample(
        self, region: tuple[slice, slice], pose: Pose
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute coverage ``(H, W)`` in 0…1 and colour ``(H, W, 3)`` in 0…255 of each pixel of a region."""
        dx = np.arange(region[1].start, region[1].stop, dtype=np.float32)[None, :] - np.float32(pose.x)
        dy = np.arange(region[0].start, region[0].stop, dtype=np.float32)[:, None] - np.float32(pose.y)
        cosine, sine = np.float32(np.cos(pose.angle)), np.float32(np.sin(pose.angle))
        across, down = (np.float32(half * pose.scale) for half in self.half_wh)
        p = np.asarray((cosine * dx + sine * dy) / across, np.float32)
        q = np.asarray((cosine * dy - sine * dx) / down, np.float32)
        position = (np.arctan2(q, p) + np.float32(np.pi)) * np.float32((len(_ANGLES) - 1) / (2 * np.pi))
        stretch = self._stretch(pose)
        radius = _lookup(self._rest * stretch, position)
        excess = np.hypot(p, q) / radius - 1  # below 0 inside
        slope = np.hypot(*np.gradient(excess))
        distance = excess / np.maximum(slope, np.float32(1e-4))  # pixels from the outline
        alpha = np.asarray(np.clip(np.float32(0.5) - distance, 0, 1), np.float32)
        if any(pose.bulge):  # the texture is stretched with the body
            bent = _lookup(stretch, position)
            p, q = np.asarray(p / bent, np.float32), np.asarray(q / bent, np.float32)
        facing = np.sqrt(np.clip(-excess, 0, 1))
        shade = np.float32(0.72) + np.float32(0.33) * facing - np.float32(0.1) * (p + q)
        return alpha, self._texels(p, q, pose.yaw) * shade[..., None]

    def _texels(
        self, p: NDArray[np.float32], q: NDArray[np.float32], yaw: float | None
    ) -> NDArray[np.float32]:
        """Sample the texture at body coordinates, bilinear; with a yaw, as wrapped around a vertical axis."""
        height, width = self.texture.shape[:2]
        across = p / np.float32(_REACH)
        if yaw is not None:
            across = np.arcsin(np.clip(across, -1, 1)) * np.float32(2 / np.pi)
        u = (across / 4 + np.float32((0.5 + (yaw or 0) / (2 * np.pi)) % 1)) * np.float32(width)
        v = np.clip((q / np.float32(_REACH) + 1) / 2, 0, 1) * np.float32(height - 1)
        column, row = np.floor(u).astype(np.int32), np.minimum(v.astype(np.int32), height - 2)
        fu, fv = (u - column)[..., None], (v - row)[..., None]
        flat = self.texture.reshape(-1, 3)
        left, right = row * width + column % width, row * width + (column + 1) % width
        upper, lower = flat.take(left, axis=0), flat.take(left + width, axis=0)
        upper += fu * (flat.take(right, axis=0) - upper)
        lower += fu * (flat.take(right + width, axis=0) - lower)
        return upper + fv * (lower - upper)


def _lookup(table: NDArray[np.float64], position: NDArray[np.float32]) -> NDArray[np.float32]:
    """Interpolate a table linearly at fractional positions."""
    values = table.astype(np.float32)
    index = np.minimum(position.astype(np.int32), len(values) - 2)
    return values[index] + (position - index) * (values[1:] - values[:-1])[index]
