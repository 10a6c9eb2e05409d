"""Geometric jitter of training crops: the crop window is moved and stretched, and the box with it.

Only ``cv2.resize`` resamples pixels (docs/design.md): a window has whole image pixels, and the box in the crop is
exact in spite of the rounding. `data.pairs.jitter_appearance` rotates crops.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from data.boxes import Floats, Image, bbox_center
from data.crop import CropWindow
from data.pairs.settings import GeometricJitter


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


def draw_placement(jitter: GeometricJitter, rng: np.random.Generator) -> Placement:
    """Draw the placement of the search crop, always with the same count of numbers from ``rng``."""
    dx, dy = rng.uniform(-jitter.shift, jitter.shift, 2)
    log_scale, log_aspect = rng.normal(0, 1, 2) * (jitter.scale, jitter.aspect)
    stretch = np.exp(log_scale + np.array([0.5, -0.5]) * log_aspect)
    return Placement((float(dx), float(dy)), (float(stretch[0]), float(stretch[1])))


def mirror(image: Image, bbox: Floats) -> tuple[Image, Floats]:
    """Mirror a crop uint8 ``(H, W, 3)`` and its box ``(4,)`` left to right."""
    x, y, w, h = bbox
    return np.asarray(cv2.flip(image, 1), np.uint8), np.array([image.shape[1] - x - w, y, w, h])
