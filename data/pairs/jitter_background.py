"""New backgrounds for still images: the target is cut out of one crop and pasted into another."""

import numpy as np
from numpy.typing import NDArray

from data.boxes import Floats, Image, bbox_center
from data.crop import CropWindow


def random_window(size_wh: tuple[int, int], rng: np.random.Generator, size: int) -> CropWindow:
    """Choose a square window inside an image, with between half and all of the image's shorter side."""
    side = min(size_wh) * rng.uniform(0.5, 1.0)
    corner = rng.uniform(size=2) * (np.asarray(size_wh) - side)
    return CropWindow.around(corner + (side - 1) / 2, (side, side), size)


def soft_mask(size: int, bbox: Floats, rng: np.random.Generator) -> NDArray[np.float32]:
    """Make a mask with soft edges, whose shape between ellipse and rounded box touches the sides of ``bbox``.

    Args:
        size: Side of the mask in pixels.
        bbox: float64 ``(4,)`` x, y, w, h in the mask's pixels, 0-based; may reach beyond the mask.
        rng: Chooses roundness and softness.

    Returns:
        float32 ``(size, size)`` in [0, 1].
    """
    roundness, softness = rng.uniform(2.0, 6.0), rng.uniform(0.05, 0.3)
    (x, y), (half_w, half_h) = bbox_center(bbox), np.maximum(bbox[2:] / 2, 0.5)
    pixels = np.arange(size)
    across = ((np.abs(pixels - x) / half_w) ** roundness).astype(np.float32)
    down = ((np.abs(pixels - y) / half_h) ** roundness).astype(np.float32)
    radius = (across[None, :] + down[:, None]) ** np.float32(1 / roundness)
    return np.clip((1 - radius) / np.float32(softness) + np.float32(0.5), 0, 1)


def paste_target(crop: Image, background: Image, bbox: Floats, rng: np.random.Generator) -> Image:
    """Paste the content of ``bbox`` from a crop into a background of the same size; both uint8 ``(S, S, 3)``."""
    mask = soft_mask(len(crop), bbox, rng)[..., None]
    return np.rint(background + mask * (crop.astype(np.float32) - background)).astype(np.uint8)
