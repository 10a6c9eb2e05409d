"""CVAT's XML, "CVAT for video 1.1"."""

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.formats.base import FORMATS, Format
from data.track_result import TrackResult


@FORMATS.register("cvat")
class Cvat(Format):
    """``annotations.xml`` of "CVAT for video 1.1", with a track for each target; every box is a key frame.

    A lost box is ``outside``, which hides it in CVAT but keeps its coordinates. A frame in which the target is
    absent, and the first frame after a track's end, repeat the last box as ``outside``, because CVAT would otherwise
    extend it. The target's name and the score are attributes, which a task without such attributes ignores.
    """

    needs_frame_wh = True

    def render(self, results: Sequence[TrackResult]) -> dict[str, str]:
        """See `Format`."""
        root = ET.Element("annotations")
        _text(root, "version", "1.1")
        _add_meta(root, results)
        for number, one in enumerate(results):
            _add_boxes(ET.SubElement(root, "track", id=str(number), label=one.label, source="auto"), one)
        ET.indent(root)
        text = ET.tostring(root, "unicode")
        return {"annotations.xml": f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'}

    def parse(self, path: Path) -> list[TrackResult]:
        """See `Format`; boxes between key frames are interpolated along a line, as CVAT does."""
        text = path.read_text("utf-8-sig")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ValueError(f"{path} declares a document type, which CVAT's files do not: not read")
        try:
            root = ET.fromstring(text.encode())
        except ET.ParseError as error:
            raise ValueError(f"{path} is no XML: {error}") from error
        tracks = root.findall("track")
        if root.tag != "annotations" or not tracks:
            raise ValueError(
                f"{path} must be <annotations> with a <track>, got <{root.tag}>: is it for images?"
            )
        try:
            return [_track(track, root) for track in tracks]
        except (KeyError, ValueError) as error:
            raise ValueError(f"{path}: a box of a track is incomplete or not in numbers: {error}") from error


def _text(parent: ET.Element, tag: str, text: str = "") -> ET.Element:
    child = ET.SubElement(parent, tag)
    child.text = "".join(letter for letter in text if letter.isprintable())  # XML has no control characters
    return child


def _add_meta(root: ET.Element, results: Sequence[TrackResult]) -> None:
    first, count = results[0], max(one.frame_count for one in results)
    task = ET.SubElement(ET.SubElement(root, "meta"), "task")
    for tag, text in {"name": first.source or "tracks", "size": str(count), "mode": "interpolation", "overlap": "0",
                      "bugtracker": "", "flipped": "False", "start_frame": "0", "stop_frame": str(count - 1),
                      "frame_filter": ""}.items():  # fmt: skip
        _text(task, tag, text)
    labels = ET.SubElement(task, "labels")
    for name in sorted({one.label for one in results}):
        label = ET.SubElement(labels, "label")
        _text(label, "name", name)
        attributes = ET.SubElement(label, "attributes")
        for attribute, mutable in (("name", "False"), ("score", "True")):
            entry = ET.SubElement(attributes, "attribute")
            for tag, text in {"name": attribute, "mutable": mutable, "input_type": "text", "default_value": "",
                              "values": ""}.items():  # fmt: skip
                _text(entry, tag, text)
    size = ET.SubElement(task, "original_size")
    width, height = first.frame_wh or (0, 0)
    _text(size, "width", str(width))
    _text(size, "height", str(height))


def _add_boxes(track: ET.Element, one: TrackResult) -> None:
    last, seen = None, False
    known = {int(frame): row for row, frame in enumerate(one.frames)}
    for frame in range(one.frame_count):
        row = known.get(frame)
        if row is None or np.isnan(one.bboxes[row, 0]):
            if last is not None and seen:
                _add_box(track, one, frame, last, math.nan, outside=True)
            seen = False
            continue
        last, seen = one.bboxes[row], not one.lost[row]
        _add_box(track, one, frame, last, float(one.scores[row]), outside=not seen)


def _add_box(
    track: ET.Element, one: TrackResult, frame: int, bbox: np.ndarray, score: float, *, outside: bool
) -> None:
    x, y, w, h = bbox
    corners = {"xtl": x, "ytl": y, "xbr": x + w, "ybr": y + h}
    numbers = {name: f"{value:.3f}" for name, value in corners.items()}
    flags = {"frame": str(frame), "keyframe": "1", "outside": str(int(outside)), "occluded": "0"}
    box = ET.SubElement(track, "box", flags | numbers | {"z_order": "0"})
    for name, value in (("name", one.name), ("score", "" if math.isnan(score) else f"{score:.6g}")):
        _text(box, "attribute", value).set("name", name)


def _track(track: ET.Element, root: ET.Element) -> TrackResult:
    keys = sorted(track.findall("box"), key=lambda box: int(box.attrib["frame"]))
    if not keys:
        raise ValueError("a track has no box")
    places = np.array([int(box.attrib["frame"]) for box in keys])
    corners = np.array([[float(box.attrib[name]) for name in ("xtl", "ytl", "xbr", "ybr")] for box in keys])
    outside = np.array([box.get("outside") == "1" for box in keys])
    frames = np.concatenate(
        [[place] if out else np.arange(place, end) for place, end, out in
         zip(places, [*places[1:], places[-1] + 1], outside, strict=True)]
    )  # fmt: skip
    # A box moves along a line up to the next key frame, unless that key frame only ends the track.
    moving = np.stack([np.interp(frames, places, column) for column in corners.T], axis=1)
    key = np.searchsorted(places, frames, "right") - 1
    after = np.minimum(key + 1, len(keys) - 1)
    still = outside[after] & (frames != places[key])
    moving[still] = corners[key[still]]
    attributes = [{a.get("name"): a.text or "" for a in box.findall("attribute")} for box in keys]
    scores = np.full(len(frames), math.nan)
    at_key = frames == places[key]
    scores[at_key] = [float(attributes[k].get("score") or "nan") for k in key[at_key]]
    width, height = root.findtext(".//original_size/width"), root.findtext(".//original_size/height")
    return TrackResult(
        name=attributes[0].get("name") or track.attrib["id"],
        frames=frames,
        bboxes=np.concatenate([moving[:, :2], moving[:, 2:] - moving[:, :2]], axis=1),
        scores=scores,
        lost=outside[key],
        label=track.attrib["label"],
        source=root.findtext(".//task/name") or "",
        frame_wh=(int(width), int(height)) if width and height else None,
        frame_count=int(root.findtext(".//task/size") or 0),
    )
