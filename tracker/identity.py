"""The tracker that never moves: the floor of every benchmark."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from data.boxes import Floats, check_bbox_in_frame
from tracker.base import Image, TrackOutput, check_image


class IdentityTracker:
    """Reports the first box for ever; what it gets out of a file it puts into a file."""

    VERSION = 1
    """Raised whenever the same settings come to give other boxes; stored results record it."""

    _bbox: Floats | None = None

    def settings(self) -> dict[str, Any]:
        """What decides the boxes, as values that JSON can hold."""
        return {"class": type(self).__name__, "version": self.VERSION}

    def init(self, image: Image, bbox: ArrayLike) -> None:
        """Remember the box; raises ``ValueError`` for one that cannot be tracked."""
        height, width = check_image(image).shape[:2]
        self._bbox = check_bbox_in_frame(bbox, (width, height))

    def update(self, image: Image) -> TrackOutput:
        """The first box; raises ``RuntimeError`` before ``init``."""
        check_image(image)
        if self._bbox is None:
            raise RuntimeError("update was called before init: call init(image, bbox) with the first frame")
        return TrackOutput(bbox=np.array(self._bbox), score=1.0)
