"""The interface of trackers: ``init`` with a box, then ``update`` with every further frame."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from data.boxes import Floats, Image


@dataclass(frozen=True)
class TrackOutput:
    """The output of a tracker for one frame.

    Attributes:
        bbox: float64 ``(4,)``, ``(x, y, w, h)``, 0-based pixels of the frame.
        score: peak of the response; 1 is the height of the label.
        psr: peak-to-sidelobe ratio of the response, in standard deviations; NaN without a response.
        lost: the tracker does not trust its box in this frame.
        response: float32 ``(1, 1, h, w)``, zero displacement at ``(h//2, w//2)``, or None.
        response_bbox: the image area ``(x, y, w, h)`` that ``response`` covers, or None.
    """

    bbox: Floats
    score: float
    psr: float = float("nan")
    lost: bool = False
    response: Tensor | None = None
    response_bbox: Floats | None = None


@runtime_checkable
class Tracker(Protocol):
    """A single-target tracker. Several trackers can run side by side in one process."""

    def init(self, image: Image, bbox: ArrayLike) -> None:
        """Start on a new target and forget the last one.

        Args:
            image: uint8 ``(H, W, 3)`` RGB.
            bbox: ``(x, y, w, h)``, 0-based pixels.

        Raises:
            ValueError: the image has another form, or the box cannot be tracked in it.
        """

    def update(self, image: Image) -> TrackOutput:
        """Find the target in the next frame and learn from it.

        Args:
            image: uint8 ``(H, W, 3)`` RGB, of any size.

        Raises:
            RuntimeError: ``init`` was not called.
        """


NOT_STARTED = "update was called before init: call init(image, bbox) with the first frame"
"""What ``update`` says of a tracker without ``init``."""


def check_image(image: Image) -> Image:
    """Return ``image`` if it is uint8 ``(H, W, 3)``.

    Raises:
        ValueError: the image has another form.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"image must be a uint8 array (H, W, 3) in RGB order, got {got}")
    if 0 in image.shape:
        raise ValueError(f"image must have pixels, got shape {image.shape}")
    return image
