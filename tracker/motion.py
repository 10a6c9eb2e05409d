"""Where a target is expected: it moves with the camera, and against its surroundings as it did before.

A pan changes the target's place in the picture and not its motion against the background, a target that the camera
follows keeps its place while the background moves: so the two are told apart, and only the second is smoothed.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from data.boxes import Floats, Image
from tracker.checks import not_negative

SIDE = 96
"""Pixels of the longer side at which frames are compared, at least."""

CERTAIN = 0.1
"""Least response of the phase correlation (1 for a shifted copy) at which its shift is believed."""

FARTHEST = 0.5
"""Largest believed shift, over the frame's longer side; a larger one is a cut or an accident."""

RATE = 0.3
"""Rate at which the target's motion against its surroundings follows the last."""


@dataclass(frozen=True)
class MotionSettings:
    """Settings of the place at which the search begins.

    Attributes:
        predict_from: the target is searched around the place at which it is expected if that is at least so many
            target sizes, ``sqrt(w h)``, away from where it was; 0 or more. None: always around where it was.

    Raises:
        ValueError: a negative ``predict_from``.
    """

    predict_from: float | None = None

    def __post_init__(self) -> None:
        if self.predict_from is not None:
            not_negative("predict_from", self.predict_from)


class CameraMotion:
    """Measures how far the picture moved between two frames, by phase correlation (Kuglin and Hines, 1975)."""

    def start(self, image: Image) -> None:
        """Forget what was before this frame.

        Args:
            image: uint8 ``(H, W, 3)`` RGB.
        """
        self._last = _small(image)[0]
        self._window = cv2.createHanningWindow(self._last.shape[::-1], cv2.CV_32F)

    def shift(self, image: Image) -> Floats:
        """Measure the shift since the last frame.

        Args:
            image: uint8 ``(H, W, 3)`` RGB, of the size of the last.

        Returns:
            float64 ``(2,)``, (x, y) in pixels, accurate to about a pixel of the small picture; zeros where it cannot
            be told.
        """
        small, step = _small(image)
        if small.shape != self._last.shape:
            self.start(image)
            return np.zeros(2)
        moved, response = cv2.phaseCorrelate(self._last, small, self._window)
        self._last = small
        shift = np.array(moved) * step
        believed = response >= CERTAIN and np.abs(shift).max() <= FARTHEST * max(image.shape[:2])
        return shift if believed else np.zeros(2)


class TargetMotion:
    """Expects a target where the camera's motion and its own, smoothed, take it.

    Args:
        settings: when the expected place is used.
    """

    def __init__(self, settings: MotionSettings) -> None:
        self.settings = settings
        self._own = np.zeros(2)
        self._camera = np.zeros(2)

    def step(self, camera: Floats, size: Floats) -> Floats:
        """Return how far from its last place the target is searched, ``(x, y)`` in pixels.

        Args:
            camera: of ``CameraMotion.shift``.
            size: the target's width and height in pixels.
        """
        self._camera = camera
        step = camera + self._own
        least = self.settings.predict_from
        near = least is None or np.abs(step).max() < least * np.sqrt(size.prod())
        return np.zeros(2) if near else step

    def saw(self, moved: Floats | None) -> None:
        """Learn how far the target moved in the picture since the last frame; None if it was not seen."""
        own = 0.0 if moved is None else moved - self._camera
        self._own = self._own + RATE * (own - self._own)


def _small(image: Image) -> tuple[np.ndarray, int]:
    """The green channel less its mean, every ``step``-th pixel of it, float32; and the step."""
    step = max(max(image.shape[:2]) // SIDE, 1)
    small = np.ascontiguousarray(image[step // 2 :: step, step // 2 :: step, 1], np.float32)
    return small - small.mean(), step  # a mean would be seen as the window, which does not move
