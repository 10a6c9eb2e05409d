"""Geometric jitter of training crops: the crop window is moved and stretched, and the box with it.

Only ``cv2.resize`` resamples pixels (docs/design.md): a window has whole image pixels, and the box in the crop is
exact in spite of the rounding. `data.pairs.jitter_appearance` rotates crops.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from data.boxes import Floats, Image, bbox_center
from data.crop import CropWindow


@dataclass(frozen=True)
class GeometricJitter:
    """Strengths of the jitter of the search crop, which else is centred on the target and scaled to it.

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
        """Draw the placement of the search crop, always with the same count of numbers from ``rng``."""
        dx, dy = rng.uniform(-self.shift, self.shift, 2)
        log_scale, log_aspect = rng.normal(0, 1, 2) * (self.scale, self.aspect)
        stretch = np.exp(log_scale + np.array([0.5, -0.5]) * log_aspect)
        return Placement((float(dx), float(dy)), (float(stretch[0]), float(stretch[1])))


@dataclass(frozen=True)
class Placement:
    """Position and size of a crop relative to a target.

    Attributes:
        shift: Displacement (x, y) of the crop's centre from the target's, in ``sqrt(w h)``.
        stretch: Width and height of the crop relative to ``search_area_scale * sqrt(w h)``.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    stretch: tuple[float, float] = (1.0, 1.0)

    def window(self, bbox: Floats, search_area_scale: float, size: int) -> CropWindow:
        """Make the window around a box ``(4,)`` of an image that becomes a crop of ``size`` pixels."""
        extent = float(np.sqrt(bbox[2] * bbox[3]))
        sides = search_area_scale * extent * np.asarray(self.stretch)
        return CropWindow.around(bbox_center(bbox) + extent * np.asarray(self.shift), sides, size)


def mirror(image: Image, bbox: Floats) -> tuple[Image, Floats]:
    """Mirror a crop uint8 ``(H, W, 3)`` and its box ``(4,)`` left to right."""
    x, y, w, h = bbox
    return np.asarray(cv2.flip(image, 1), np.uint8), np.array([image.shape[1] - x - w, y, w, h])
