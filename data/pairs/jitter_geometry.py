"""Geometric jitter of training crops: the crop itself is moved and stretched, and the box with it.

Only ``cv2.resize`` touches pixels (docs/design.md), so a crop is a rectangle of whole pixels and the box of the
target in it is exact whatever was rounded. Rotation, which this cannot do, is left to `data.pairs.jitter_appearance`.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from data.boxes import Floats, Image, bbox_center


@dataclass(frozen=True)
class CropWindow:
    """A rectangle of whole image pixels that becomes a square crop.

    Attributes:
        x: Index of its leftmost pixel, may be negative.
        y: Index of its topmost pixel, may be negative.
        width: In image pixels.
        height: In image pixels.
        size: Side of the crop in crop pixels.
    """

    x: int
    y: int
    width: int
    height: int
    size: int

    @classmethod
    def around(cls, center: ArrayLike, sides_wh: ArrayLike, size: int) -> "CropWindow":
        """The window nearest to a centre (x, y; pixel-index coordinates) and width and height in pixels."""
        whole = np.maximum(np.rint(np.asarray(sides_wh, np.float64)), 1)
        x, y = np.rint(np.asarray(center, np.float64) - (whole - 1) / 2).astype(int)
        return cls(int(x), int(y), int(whole[0]), int(whole[1]), size)

    def to_crop(self, bbox: ArrayLike) -> Floats:
        """An image box ``(4,)`` in crop coordinates: the pixels it covers there.

        The left edge of pixel ``i`` is at ``i - 0.5`` in both, so that edges map without an offset.
        """
        scale = np.array([self.size / self.width, self.size / self.height])
        box = np.array(bbox, np.float64)
        return np.concatenate([(box[:2] - (self.x, self.y)) * scale, box[2:] * scale])

    def cut(self, image: Image) -> Image:
        """Cut the window out and resize it; outside the image its border pixels are repeated.

        Args:
            image: uint8 ``(H, W, 3)``, any channel order.

        Returns:
            uint8 ``(size, size, 3)``.
        """
        rows, above, below = _visible(self.y, self.height, image.shape[0])
        columns, before, behind = _visible(self.x, self.width, image.shape[1])
        patch = image[rows, columns]
        if above or below or before or behind:
            patch = cv2.copyMakeBorder(patch, above, below, before, behind, cv2.BORDER_REPLICATE)
        shrinks = max(self.width, self.height) >= 2 * self.size  # bilinear sees every pixel up to there
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(patch, (self.size, self.size), interpolation=method), np.uint8)


@dataclass(frozen=True)
class GeometricJitter:
    """How the search crop differs from one that is centred on the target and scaled to it.

    Attributes:
        shift: Largest displacement of the target, either way along each axis, in ``sqrt(w h)``; uniform.
        scale: Standard deviation of the logarithm of the crop's side.
        aspect: Standard deviation of the logarithm of the crop's width over its height.
        flip: Probability that template and search are both mirrored left to right.
    """

    shift: float = 0.6
    scale: float = 0.06
    aspect: float = 0.05
    flip: float = 0.5

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < np.inf or (name == "flip" and value > 1):
                limits = "in [0, 1]" if name == "flip" else "finite and not negative"
                raise ValueError(f"{name} of the geometric jitter must be {limits}, got {value}")

    def draw(self, rng: np.random.Generator) -> "Placement":
        """Draw where the search crop lies; always takes the same count of numbers from ``rng``."""
        dx, dy = rng.uniform(-self.shift, self.shift, 2)
        log_scale, log_aspect = rng.normal(0, 1, 2) * (self.scale, self.aspect)
        stretch = np.exp(log_scale + np.array([0.5, -0.5]) * log_aspect)
        return Placement((float(dx), float(dy)), (float(stretch[0]), float(stretch[1])))


@dataclass(frozen=True)
class Placement:
    """Where a crop lies around a target.

    Attributes:
        shift: Displacement (x, y) of the crop's centre from the target's, in ``sqrt(w h)``.
        stretch: Width and height of the crop relative to ``search_area_scale * sqrt(w h)``.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    stretch: tuple[float, float] = (1.0, 1.0)

    def window(self, bbox: Floats, search_area_scale: float, size: int) -> CropWindow:
        """The window around a box ``(4,)`` of an image that becomes a crop of ``size`` pixels."""
        extent = float(np.sqrt(bbox[2] * bbox[3]))
        sides = search_area_scale * extent * np.asarray(self.stretch)
        return CropWindow.around(bbox_center(bbox) + extent * np.asarray(self.shift), sides, size)


def mirror(image: Image, bbox: Floats) -> tuple[Image, Floats]:
    """A crop uint8 ``(H, W, 3)`` and its box ``(4,)``, both mirrored left to right."""
    x, y, w, h = bbox
    return np.asarray(cv2.flip(image, 1), np.uint8), np.array([image.shape[1] - x - w, y, w, h])


def _visible(start: int, length: int, limit: int) -> tuple[slice, int, int]:
    """The slice of an axis that a window covers (at least one pixel of it) and its padding at either end."""
    first, last = min(max(start, 0), limit - 1), max(min(start + length, limit), 1)
    before = min(max(-start, 0), length - 1)
    return slice(first, last), before, length - before - (last - first)
