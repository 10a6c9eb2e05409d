"""The pictures of docs/gallery.md, made anew from generated frames."""

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np

from data import synthetic_sequence
from data.boxes import Floats, Image, bbox_from_center
from data.files import replacing
from experiments.drawing.frames import annotate, overlay_response
from experiments.drawing.palette import colours
from experiments.trackers.follow import GivenBox, follow_targets
from tracker import MultiTracker

FRAME_WH = (640, 360)
FRAMES = 30


def write_gallery(folder: Path) -> list[Path]:
    """Track, draw and write a JPEG for each picture.

    Args:
        folder: made where it does not exist; pictures of the same names are replaced.

    Returns:
        The files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures: Mapping[str, Callable[[], Image]] = {
        "trackers": _trackers,
        "targets": _targets,
        "response": _response,
    }
    paths = []
    for name, draw in pictures.items():
        path = folder / f"{name}.jpg"
        encoded = cv2.imencode(
            ".jpg", cv2.cvtColor(draw(), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88]
        )[1]
        with replacing(path) as temporary:
            temporary.write_bytes(encoded.tobytes())
        paths.append(path)
    return paths


def _trackers() -> Image:
    """Several trackers on one target that an occluder passes."""
    names = ["fast", "hog", "gray"]
    sequence = synthetic_sequence(3, FRAMES, FRAME_WH, ("OCC", "SV"))
    given = [GivenBox("target", 0, sequence.bboxes[0])]
    return _last(names, sequence.frames(), given, {("target", name): name for name in names})


def _targets() -> Image:
    """Several targets and one tracker."""
    sequence = synthetic_sequence(5, FRAMES, FRAME_WH)
    width, height = FRAME_WH
    boxes: dict[str, Floats] = {"first": sequence.bboxes[0]}
    for name, place in {"second": (0.2, 0.25), "third": (0.8, 0.3), "fourth": (0.7, 0.8)}.items():
        boxes[name] = bbox_from_center(np.multiply(place, (width, height)), (60, 48))
    given = [GivenBox(name, 0, bbox) for name, bbox in boxes.items()]
    return _last(["fast"], sequence.frames(), given, {(name, "fast"): name for name in boxes})


def _response() -> Image:
    """The response map of one tracker."""
    sequence = synthetic_sequence(2, FRAMES, FRAME_WH, ("IPR",))
    given = [GivenBox("target", 0, sequence.bboxes[0])]
    scenes = follow_targets(
        {"hog": MultiTracker("hog")}, enumerate(sequence.frames()), given, {("target", "hog"): "hog"}
    )
    *_, last = scenes
    return overlay_response(last.image, last.frame, last.outputs)


def _last(trackers: list[str], frames, given, names) -> Image:
    *_, last = follow_targets(
        {name: MultiTracker(name) for name in trackers}, enumerate(frames), given, names
    )
    return annotate(last.image, last.frame, last.outputs, colours(last.outputs))
