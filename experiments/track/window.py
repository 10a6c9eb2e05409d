"""The live window and the mouse.

Without a display OpenCV aborts the process instead of raising, so the display is checked before any call.
"""

import os
import sys
from typing import Self

import cv2
import numpy as np

from data.boxes import Floats, Image

ESCAPE = 27


def require_display(purpose: str) -> None:
    """Check that a window can be opened.

    Raises:
        RuntimeError: there is no graphical session, or this OpenCV was built without windows.
    """
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise RuntimeError(f"{purpose} needs a display, but neither DISPLAY nor WAYLAND_DISPLAY is set")
    if "GUI:                           NONE" in cv2.getBuildInformation():
        raise RuntimeError(
            f"{purpose} needs an OpenCV with windows, got a headless build: install opencv-python"
        )


def select_bbox(image: Image) -> Floats:
    """Let the user draw the target's box with the mouse; return it, 0-based ``(x, y, w, h)``.

    Raises:
        ValueError: nothing was drawn.
    """
    title = "draw the target, then press Enter"
    box = cv2.selectROI(title, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), showCrosshair=False)
    cv2.destroyWindow(title)
    if not all(box[2:]):
        raise ValueError(
            "no target was drawn: drag a box around it and press Enter, or give --init-bbox X,Y,W,H"
        )
    return np.array(box, dtype=np.float64)


class Window:
    """A live view of the frames; a context manager."""

    def __init__(self, title: str) -> None:
        self.title = title

    def show(self, picture: Image) -> bool:
        """Show a picture; False when the user wants to stop (q, Esc, window closed)."""
        cv2.imshow(self.title, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        key = cv2.waitKey(1) & 0xFF
        closed = cv2.getWindowProperty(self.title, cv2.WND_PROP_VISIBLE) < 1
        return not (closed or key in (ord("q"), ESCAPE))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        cv2.destroyAllWindows()
