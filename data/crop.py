"""Crops: regions cut out of a frame and resized, and coordinates from frame to crop.

Crop pixel ``i`` of ``size`` samples image coordinate ``start + (i + 0.5) * side / size - 0.5``: pixels are
little squares whose centres have whole coordinates, as in ``cv2.resize`` and ``align_corners=False``.
Outside the frame its border pixels are repeated. ``cv2.warpAffine`` and ``cv2.remap`` are not used, because their
pixels differ between OpenCV 4 and 5; those of ``cv2.resize`` do not.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor

from data.boxes import Floats, Image


@dataclass(frozen=True)
class SearchRegion:
    """A square of whole image pixels, and the side of the crop made of it.

    Attributes:
        x: index of the leftmost image pixel, may be negative.
        y: index of the topmost image pixel, may be negative.
        side: side in image pixels.
        size: side of the crop in crop pixels.
    """

    x: int
    y: int
    side: int
    size: int

    @classmethod
    def around(cls, center: ArrayLike, side: float, size: int) -> "SearchRegion":
        """Make the region of about ``side`` image pixels nearest to ``center`` (x, y; pixel-index coordinates)."""
        thin, average = _shrink_steps(side, size)
        step = thin * average
        whole = max(round(side / step), 1) * step
        x, y = np.rint(np.asarray(center, dtype=np.float64) - (whole - 1) / 2).astype(int)
        return cls(int(x), int(y), whole, size)

    @property
    def center(self) -> Floats:
        """Centre ``(x, y)`` in image coordinates."""
        return np.array([self.x, self.y]) + (self.side - 1) / 2

    def to_crop(self, bboxes: ArrayLike) -> Floats:
        """Convert image boxes ``(…, 4)`` to crop coordinates; the edges of a box stay at the same image content."""
        scale = self.size / self.side
        return (np.asarray(bboxes, dtype=np.float64) - (self.x, self.y, 0, 0)) * scale


@dataclass(frozen=True)
class CropWindow:
    """A rectangle of whole image pixels that becomes a square crop.

    Attributes:
        x: Index of the leftmost pixel, may be negative.
        y: Index of the topmost pixel, may be negative.
        width: Width in image pixels.
        height: Height in image pixels.
        size: Side of the crop in crop pixels.
    """

    x: int
    y: int
    width: int
    height: int
    size: int

    @classmethod
    def around(cls, center: ArrayLike, sides_wh: ArrayLike, size: int) -> "CropWindow":
        """Make the window nearest to a centre (x, y; pixel-index coordinates) and width and height in pixels."""
        whole = np.maximum(np.rint(np.asarray(sides_wh, np.float64)), 1)
        x, y = np.rint(np.asarray(center, np.float64) - (whole - 1) / 2).astype(int)
        return cls(int(x), int(y), int(whole[0]), int(whole[1]), size)

    def to_crop(self, bbox: ArrayLike) -> Floats:
        """Convert an image box ``(4,)`` to crop coordinates; the edges of a box stay at the same image content."""
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
        patch = _cut(image, (self.y, self.height), (self.x, self.width))
        shrinks = max(self.width, self.height) >= 2 * self.size  # bilinear sampling skips pixels beyond this
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(patch, (self.size, self.size), interpolation=method), np.uint8)


def crop(image: Image, region: SearchRegion) -> Image:
    """Cut ``region`` out of ``image`` and resize it.

    Args:
        image: uint8 ``(H, W, 3)`` (any channel order).
        region: the square; may reach beyond the image, where border pixels are repeated.

    Returns:
        uint8 ``(size, size, 3)``.
    """
    side, size = region.side, region.size
    patch = _cut(image, (region.y, side), (region.x, side))
    thin, average = _shrink_steps(side, size)
    if side % (thin * average) == 0:
        patch = patch[thin // 2 :: thin, thin // 2 :: thin]
        if average > 1:
            small = side // (thin * average)
            patch = cv2.resize(patch, (small, small), interpolation=cv2.INTER_AREA)
    return cv2.resize(patch, (size, size), interpolation=cv2.INTER_LINEAR)


def _cut(image: Image, rows: tuple[int, int], columns: tuple[int, int]) -> Image:
    """Cut rows and columns, each given by first index and count, out of an image and repeat its border outside."""
    (top, bottom, above, below), (left, right, before, behind) = (
        _visible(*span, length) for span, length in zip((rows, columns), image.shape[:2], strict=True)
    )
    patch = image[top:bottom, left:right]
    if above or below or before or behind:
        patch = cv2.copyMakeBorder(patch, above, below, before, behind, cv2.BORDER_REPLICATE)
    return patch


def _visible(start: int, side: int, length: int) -> tuple[int, int, int, int]:
    """Return first, last, padding before and padding after of the part of an axis that a region covers.

    The part has at least one pixel, so that a region beside the image becomes its repeated border.
    """
    first, last = min(max(start, 0), length - 1), max(min(start + side, length), 1)
    before = min(max(-start, 0), side - 1)
    return first, last, before, side - before - (last - first)


def _shrink_steps(side: float, size: int) -> tuple[int, int]:
    """Return whole factors by which a region is thinned out, then averaged, before the last bilinear resize.

    Averaging over whole pixels is several times faster than over fractions of them. Thinning out very large
    regions skips detail finer than a cell of features; its step is odd to stay centred.
    """
    shrink = max(int(side / size), 1)
    thin = max((shrink // 3 - 1) // 2 * 2 + 1, 1)
    return thin, shrink // thin


def crop_batch(images: Tensor, centers: Tensor, sides: Tensor, size: int) -> Tensor:
    """Cut square crops at any sub-pixel place and size, batched and differentiable.

    Args:
        images: float ``(B, C, H, W)``, or ``(1, C, H, W)`` to cut every crop out of one image.
        centers: float ``(B, 2)``, (x, y) in pixel-index coordinates.
        sides: float ``(B,)``, side of each square in image pixels.
        size: side of the crops in pixels.

    Returns:
        ``(B, C, size, size)`` in the images' dtype, bilinear, border repeated. Each pixel of a shrunk crop is the
        mean of ``ceil(shrink)²`` samples (of the batch's largest shrink), similar to ``INTER_AREA``.
    """
    height, width = images.shape[-2:]
    samples = max(1, math.ceil(float(sides.max()) / size - 0.05))
    fine = size * samples
    steps = (torch.arange(fine, device=images.device, dtype=images.dtype) + 0.5) / fine - 0.5
    points = centers[:, None, :] + sides[:, None, None] * steps[None, :, None]  # (B, S, 2) image coordinates
    scale = points.new_tensor([2 / width, 2 / height])
    points = (points + 0.5) * scale - 1
    across, down = points.unbind(-1)
    grid = torch.stack(torch.broadcast_tensors(across[:, None, :], down[:, :, None]), dim=-1)
    crops = F.grid_sample(
        images.expand(len(grid), -1, -1, -1), grid, padding_mode="border", align_corners=False
    )
    return F.avg_pool2d(crops, samples) if samples > 1 else crops


def paste(image: Image, patch: Image, region: SearchRegion, alpha: float) -> None:
    """Blend ``patch`` into the pixels of ``image`` that ``region`` covers, in place; the inverse of ``crop``.

    Args:
        image: uint8 ``(H, W, 3)``, changed.
        patch: uint8 ``(h, w, 3)``, stretched over the region.
        region: the square of the image; parts outside the image are left out.
        alpha: weight of the patch in [0, 1].
    """
    top, bottom, pad_top, _ = _visible(region.y, region.side, image.shape[0])
    left, right, pad_left, _ = _visible(region.x, region.side, image.shape[1])
    resized = cv2.resize(patch, (region.side, region.side), interpolation=cv2.INTER_LINEAR)
    part = resized[pad_top : pad_top + bottom - top, pad_left : pad_left + right - left]
    target = image[top:bottom, left:right]
    target[:] = cv2.addWeighted(target, 1 - alpha, part, alpha, 0)
