"""Adapters that run OpenCV's and got10k's trackers behind our interface."""

import importlib
import inspect
import math
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike

from data.boxes import Floats, Image, check_bbox, from_one_based, to_one_based
from tracker import TrackOutput
from tracker.base import NOT_STARTED

OPENCV = {
    "opencv-csrt": "TrackerCSRT",
    "opencv-kcf": "TrackerKCF",
    "opencv-mil": "TrackerMIL",
    "opencv-nano": "TrackerNano",
    "opencv-vit": "TrackerVit",
}
"""Name on the command line -> class in ``cv2``."""

_NETWORKS = {
    "opencv-nano": {"backbone": "nanotrack_backbone_sim.onnx", "neckhead": "nanotrack_head_sim.onnx"},
    "opencv-vit": {"net": "vittrack.onnx"},
}
"""Parameter of the class -> name of the ONNX file that OpenCV publishes for it."""


class TrackerUnavailable(ValueError):
    """A tracker of others that is not installed here or does not come up; trackers beside it can run without it."""


class OpenCVTracker:
    """One of OpenCV's trackers.

    OpenCV takes boxes of whole numbers. The last box stays in a frame in which the tracker finds nothing, or raises
    because its box has left the frame.

    Args:
        name: One of `OPENCV`.
        weights: Folder with the ONNX files, for the trackers that have any.

    Raises:
        TrackerUnavailable: This OpenCV has no such tracker.
        ValueError: Its files are not given.
        FileNotFoundError: A file is not in the folder.
    """

    def __init__(self, name: str, weights: Path | None = None) -> None:
        self._class: Any = getattr(cv2, OPENCV[name], None)
        if self._class is None:
            raise TrackerUnavailable(
                f"{name} is not in the installed OpenCV {cv2.__version__}: install opencv-contrib-python in "
                "the place of opencv-python"
            )
        self._parameters = None
        self.files = opencv_networks(name, weights)
        if self.files:
            self._parameters = getattr(cv2, f"{OPENCV[name]}_Params")()
            for parameter, file in self.files.items():
                setattr(self._parameters, parameter, str(file))
        self._bbox: Floats | None = None

    def init(self, image: Image, bbox: ArrayLike) -> None:
        """Start on a target; raises ``ValueError`` for an invalid box."""
        self._bbox = check_bbox(bbox)
        self._tracker = self._class.create(*([] if self._parameters is None else [self._parameters]))
        self._tracker.init(_bgr(image), tuple(round(value) for value in self._bbox))

    def update(self, image: Image) -> TrackOutput:
        """Find the target in the next frame; raises ``RuntimeError`` before ``init``."""
        if self._bbox is None:
            raise RuntimeError(NOT_STARTED)
        try:
            found, bbox = self._tracker.update(_bgr(image))
        except cv2.error:
            found = False
        if found:
            self._bbox = np.array(bbox, np.float64)
        return TrackOutput(bbox=np.array(self._bbox), score=math.nan, lost=not found)


def opencv_networks(name: str, weights: Path | None) -> dict[str, Path]:
    """Find the ONNX files of one of OpenCV's trackers: parameter -> file; empty for one without a network."""
    names = _NETWORKS.get(name, {})
    if names and weights is None:
        raise ValueError(
            f"{name} needs --weights {name}=FOLDER, a folder with {' and '.join(names.values())}"
        )
    files = {parameter: Path(weights or "", file) for parameter, file in names.items()}
    for file in files.values():
        if not file.is_file():
            raise FileNotFoundError(f"{name} needs {file.name} in its weights folder, not found: {file}")
    return files


class FromGot10k:
    """A got10k ``Tracker`` behind our interface; inside it takes PIL images and 1-based boxes.

    Args:
        tracker: Instance of a subclass of ``got10k.trackers.Tracker``.
    """

    def __init__(self, tracker: Any) -> None:
        self.tracker = tracker

    def init(self, image: Image, bbox: ArrayLike) -> None:
        """Start on a target, given 0-based."""
        from PIL import Image as PILImage

        self.tracker.init(PILImage.fromarray(image), to_one_based(check_bbox(bbox)))

    def update(self, image: Image) -> TrackOutput:
        """Find the target in the next frame; the box is 0-based."""
        from PIL import Image as PILImage

        bbox = np.asarray(self.tracker.update(PILImage.fromarray(image)), np.float64)
        whole = bbox.shape == (4,)  # whatever else is said as it is
        return TrackOutput(bbox=from_one_based(bbox) if whole else bbox, score=math.nan)


def load_got10k_tracker(name: str) -> FromGot10k:
    """Build a tracker given as ``module:Class``, a subclass of got10k's ``Tracker`` without arguments.

    Raises:
        TrackerUnavailable: The module or class does not exist or is something else, or what it raised, be it an exit.
    """
    from got10k.trackers import Tracker as Got10kTracker

    module_name, _, class_name = name.partition(":")
    tracker_class = getattr(_of_others(name, partial(importlib.import_module, module_name)), class_name, None)
    if not (isinstance(tracker_class, type) and issubclass(tracker_class, Got10kTracker)):
        raise TrackerUnavailable(
            f"tracker {name} must name a subclass of got10k.trackers.Tracker, got {tracker_class!r}"
        )
    try:
        inspect.signature(tracker_class).bind()
    except TypeError as error:
        raise TrackerUnavailable(f"tracker {name} must be built without arguments, but: {error}") from error
    return FromGot10k(_of_others(name, tracker_class))


def _of_others(name: str, make: Callable[[], Any]) -> Any:
    """What code of others returns; whatever else it does, but for Ctrl-C, makes the tracker unavailable."""
    end, here = os._exit, (os.getpid(), threading.get_ident())

    def leave(status: int) -> None:
        if (os.getpid(), threading.get_ident()) == here:  # else it is a process or a thread that may end
            raise SystemExit(status)
        end(status)

    os._exit = leave  # type: ignore[assignment]  # nothing would be left of the benchmark, not even a status
    try:
        return make()
    except (Exception, SystemExit) as error:
        raise TrackerUnavailable(
            f"tracker {name} does not come up: {type(error).__name__}: {error}"
        ) from error
    finally:
        os._exit = end


def _bgr(image: Image) -> Image:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), np.uint8)
