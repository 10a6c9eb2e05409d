"""The tracker that never moves, a lower bound for benchmarks."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from data.boxes import Floats, check_bbox_in_frame
from tracker.base import NOT_STARTED, Image, TrackOutput, check_image


class IdentityTracker:
    """Returns the box of frame 1 in every frame, unchanged."""

    VERSION = 1
    """Increased whenever the same settings begin to give other boxes; stored results record it."""

    _bbox: Floats | None = None

    def settings(self) -> dict[str, Any]:
        """Return the settings that determine the boxes, as JSON values."""
        return {"class": type(self).__name__, "version": self.VERSION}

    def init(self, image: Image, bbox: ArrayLike) -> None:
        """Remember the box; raises ``ValueError`` if it cannot be tracked."""
        height, width = check_image(image).shape[:2]
        self._bbox = check_bbox_in_frame(bbox, (width, height))

    def update(self, image: Image) -> TrackOutput:
        """Return the first box; raises ``RuntimeError`` before ``init``."""
        check_image(image)
        if self._bbox is None:
            raise RuntimeError(NOT_STARTED)
        return TrackOutput(bbox=np.array(self._bbox), score=1.0)
