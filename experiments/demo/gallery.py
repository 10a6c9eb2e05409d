"""The pictures of docs/gallery.md, made anew from generated frames."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from data import synthetic_sequence
from data.boxes import Floats, Image
from data.files import write_bytes
from data.synthetic.scene import SyntheticSequence
from experiments.drawing.frames import annotate, overlay_response
from experiments.drawing.jpeg import encode_jpeg
from experiments.drawing.palette import colours
from experiments.runtime.lock import make_folder
from experiments.trackers.follow import GivenBox, TrackedFrame, follow_targets
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
    make_folder(folder)
    pictures: Mapping[str, Callable[[], Image]] = {
        "trackers": _trackers,
        "targets": _targets,
        "response": _response,
    }
    paths = []
    for name, draw in pictures.items():
        path = folder / f"{name}.jpg"
        write_bytes(path, encode_jpeg(draw(), 88))
        paths.append(path)
    return paths


def _trackers() -> Image:
    """Several trackers on one target that an occluder passes."""
    sequence = synthetic_sequence(3, FRAMES, FRAME_WH, ("OCC", "SV"))
    return _annotated(_last(["fast", "hog", "gray"], sequence, {"": sequence.bboxes[0]}))


def _targets() -> Image:
    """Several targets and one tracker: all that move."""
    sequence = synthetic_sequence(9, FRAMES, FRAME_WH, ("BC",))
    actors = (sequence.target, *sequence.passers)
    names = ("first", "second", "third", "fourth")
    boxes = {name: one.body.bbox(one.pose(0)) for name, one in zip(names, actors, strict=True)}
    return _annotated(_last(["fast"], sequence, boxes))


def _response() -> Image:
    """The response map of one tracker."""
    sequence = synthetic_sequence(2, FRAMES, FRAME_WH, ("IPR",))
    last = _last(["hog"], sequence, {"": sequence.bboxes[0]})
    return overlay_response(last.image, last.frame, last.outputs)


def _last(trackers: Sequence[str], sequence: SyntheticSequence, boxes: Mapping[str, Floats]) -> TrackedFrame:
    """The last frame, in which a track is called as its target or, without a name of that, as its tracker."""
    given = [GivenBox(name, 0, bbox) for name, bbox in boxes.items()]
    names = {(target, tracker): target or tracker for target in boxes for tracker in trackers}
    loaded = {name: MultiTracker(name) for name in trackers}
    *_, last = follow_targets(loaded, enumerate(sequence.frames()), given, names)
    return last


def _annotated(scene: TrackedFrame) -> Image:
    return annotate(scene.image, scene.frame, scene.outputs, colours(scene.outputs))
