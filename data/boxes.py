"""Boxes and the coordinate rule of the whole toolbox.

A ``bbox`` is ``(x, y, w, h)``, float, **0-based**: ``(x, y)`` is the index of the top-left pixel, ``w`` and
``h`` count pixels, so the box covers pixels ``x … x+w-1`` and its centre is ``(x+(w-1)/2, y+(h-1)/2)``.
The box files of OTB and GOT-10k are 1-based; only ``from_one_based`` and ``to_one_based`` convert them.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]


def from_one_based(bboxes: ArrayLike) -> Floats:
    """Convert ``(…, 4)`` boxes of a 1-based file to the 0-based rule; NaN stays NaN."""
    return np.asarray(bboxes, dtype=np.float64) - (1.0, 1.0, 0.0, 0.0)


def to_one_based(bboxes: ArrayLike) -> Floats:
    """Convert ``(…, 4)`` 0-based boxes to the 1-based form of OTB's and GOT-10k's files; NaN stays NaN."""
    return np.asarray(bboxes, dtype=np.float64) + (1.0, 1.0, 0.0, 0.0)


def parse_bbox(text: str) -> tuple[float, float, float, float]:
    """Read four numbers from ``X,Y,W,H``.

    Raises:
        ValueError: the text is something else.
    """
    try:
        x, y, w, h = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"a box must be four numbers X,Y,W,H, e.g. 412,220,64,48, got {text!r}") from None
    return x, y, w, h


def check_bbox(bbox: ArrayLike) -> Floats:
    """Return ``bbox`` as a float64 array ``(4,)`` if it is a box.

    Raises:
        ValueError: not four numbers, not finite, or ``w`` or ``h`` not positive.
    """
    try:
        box = np.asarray(bbox, dtype=np.float64)
    except (TypeError, ValueError):
        box = np.empty(0)
    if box.shape != (4,) or not np.isfinite(box).all() or min(box[2:]) <= 0:
        got = bbox.tolist() if isinstance(bbox, np.ndarray) else bbox
        raise ValueError(f"bbox must be 4 finite numbers (x, y, w, h) with w, h > 0, got {got}")
    return box


def check_bbox_in_frame(bbox: ArrayLike, frame_wh: tuple[int, int]) -> Floats:
    """Return ``bbox`` as a float64 array ``(4,)`` if a tracker can start with it in a frame of that size.

    A box may stick out of the frame, as benchmark annotations do. Its centre must lie inside. It must be at least
    2 pixels wide and high, because less carries no texture to follow, and no larger than the frame.

    Args:
        bbox: ``(x, y, w, h)``, 0-based pixels.
        frame_wh: frame width and height in pixels.

    Raises:
        ValueError: the box cannot be tracked; the message says why.
    """
    box = check_bbox(bbox)
    text, (width, height) = "(" + ", ".join(f"{value:g}" for value in box) + ")", frame_wh
    if min(box[2:]) < 2:
        raise ValueError(f"bbox must be at least 2 pixels wide and high, got {text}: too small to follow")
    center_x, center_y = bbox_center(box)
    if not (-0.5 <= center_x < width - 0.5 and -0.5 <= center_y < height - 0.5):
        raise ValueError(
            f"bbox must have its centre inside the {width}x{height} frame, got {text} with its centre at "
            f"({center_x:g}, {center_y:g}): coordinates are 0-based x,y,w,h in pixels"
        )
    if box[2] > width or box[3] > height:
        raise ValueError(f"bbox must not be larger than the {width}x{height} frame, got {text}")
    return box


def bbox_center(bboxes: ArrayLike) -> Floats:
    """Compute centres ``(…, 2)`` in pixel-index coordinates of ``(…, 4)`` boxes: ``(x+(w-1)/2, y+(h-1)/2)``."""
    x, y, w, h = _columns(bboxes)
    return np.stack([x + (w - 1) / 2, y + (h - 1) / 2], axis=-1)


def frames_with_box(bboxes: ArrayLike) -> NDArray[np.intp]:
    """Return the ascending indices of rows of ``(N, 4)`` boxes without NaN: the frames that show the target."""
    return np.flatnonzero(np.isfinite(bboxes).all(axis=1))


def bbox_from_center(center: ArrayLike, size_wh: ArrayLike) -> Floats:
    """Compute boxes ``(…, 4)`` of given centres ``(…, 2)`` and sizes ``(…, 2)``; inverse of ``bbox_center``."""
    size = np.asarray(size_wh, dtype=np.float64)
    return np.concatenate([np.asarray(center, dtype=np.float64) - (size - 1) / 2, size], axis=-1)


def bbox_iou(first: ArrayLike, second: ArrayLike) -> Floats:
    """Compute intersection over union in [0, 1] of boxes ``(…, 4)``, pair by pair; a NaN box gives NaN."""
    (ax, ay, aw, ah), (bx, by, bw, bh) = _columns(first), _columns(second)
    width = np.minimum(ax + aw, bx + bw) - np.maximum(ax, bx)
    height = np.minimum(ay + ah, by + bh) - np.maximum(ay, by)
    overlap = np.maximum(width, 0) * np.maximum(height, 0)
    # For equal boxes the quotient may round to just above 1, and pass a threshold of 1.
    return np.minimum(overlap / (aw * ah + bw * bh - overlap), 1.0)


def _columns(bboxes: ArrayLike) -> tuple[Floats, Floats, Floats, Floats]:
    """Return x, y, w and h, each ``(…)``: NumPy is several times slower along an axis of two or four."""
    boxes = np.asarray(bboxes, dtype=np.float64)
    return boxes[..., 0], boxes[..., 1], boxes[..., 2], boxes[..., 3]
