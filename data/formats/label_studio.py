"""Label Studio's JSON, with one task for a video or one for each image."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.formats.base import FORMATS, Format, read_json
from data.track_result import TrackResult

CONFIG = """\
<View>
  <{object} name="{kind}" value="${kind}"/>
  {control}
</View>
"""


@FORMATS.register("label-studio")
class LabelStudio(Format):
    """``tasks.json`` for Label Studio's import, as predictions, and ``labeling_config.xml`` for the project.

    A video is one task with a ``videorectangle`` for each target: coordinates in percent of the frame, frames from
    1. Every box is a key frame; ``enabled`` is false for the last box before a frame in which the target is absent or
    lost. Of a folder of images, each image is a task with ``rectanglelabels``. Lost boxes are left out. The score
    is that of a box (images) or the mean over all targets' boxes (video).
    """

    needs_frame_wh = True

    def render(self, results: Sequence[TrackResult]) -> dict[str, str]:
        """See `Format`."""
        images = all(one.image_names is not None for one in results)
        tasks = _image_tasks(results) if images else [_video_task(results)]
        return {
            "tasks.json": json.dumps(tasks, indent=1) + "\n",
            "labeling_config.xml": _config(sorted({one.label for one in results}), images=images),
        }

    def parse(self, path: Path) -> list[TrackResult]:
        """See `Format`; a task's annotations are read, or if there are none its predictions."""
        try:
            found: dict[str, TrackResult] = {}
            pictures: dict[str, list[tuple[int, dict[str, Any], str]]] = {}
            for number, task in enumerate(read_json(path)):
                sets = task.get("annotations") or task.get("predictions") or [{"result": []}]
                for region in sets[0]["result"]:
                    name = _name_of(region)
                    name = str(region["id"]) if name in found else name
                    if region["type"] == "videorectangle":
                        found[name] = _video_track(name, region, task["data"])
                    elif region["type"] == "rectanglelabels":
                        pictures.setdefault(name, []).append((number, region, str(task["data"]["image"])))
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            message = f"{path} holds no tasks of Label Studio: {type(error).__name__} {error}"
            raise ValueError(message) from error
        return [*found.values(), *(_image_track(name, rows) for name, rows in pictures.items())]


def _video_task(results: Sequence[TrackResult]) -> dict[str, Any]:
    regions, scores = [], []
    for number, one in enumerate(results, 1):
        width, height = one.frame_wh or (1, 1)
        rows = np.flatnonzero(one.present)
        if not len(rows):
            continue
        goes_on = np.append(np.diff(one.frames[rows]) == 1, False)
        fps = one.fps or 25.0
        sequence = [
            {"frame": int(one.frames[row]) + 1, "time": round(float(one.frames[row]) / fps, 4), "rotation": 0,
             "enabled": bool(more), **_percent(one.bboxes[row], width, height)}
            for row, more in zip(rows, goes_on, strict=True)
        ]  # fmt: skip
        value = {"framesCount": one.frame_count, "duration": round(one.frame_count / fps, 4), "sequence": sequence,
                 "labels": [one.label]}  # fmt: skip
        regions.append({
            "id": f"target{number}", "type": "videorectangle", "from_name": "box", "to_name": "video",
            "original_width": width, "original_height": height, "value": value, "meta": {"text": [one.name]},
        })  # fmt: skip
        scores.append(one.scores[rows])
    return _task({"video": results[0].source}, regions, np.concatenate(scores or [np.empty(0)]))


def _image_tasks(results: Sequence[TrackResult]) -> list[dict[str, Any]]:
    images: dict[int, tuple[str, list[dict[str, Any]]]] = {}
    for number, one in enumerate(results, 1):
        width, height = one.frame_wh or (1, 1)
        for row, name in enumerate(one.image_names or ()):
            _, regions = images.setdefault(int(one.frames[row]), (name, []))
            if one.present[row]:
                region = {
                    "id": f"target{number}", "type": "rectanglelabels", "from_name": "box", "to_name": "image",
                    "original_width": width, "original_height": height, "meta": {"text": [one.name]},
                    "value": {**_percent(one.bboxes[row], width, height), "rotation": 0,
                              "rectanglelabels": [one.label]},
                }  # fmt: skip
                score = float(one.scores[row])
                regions.append(region if np.isnan(score) else region | {"score": round(score, 6)})
    return [
        _task({"image": name}, regions, np.array([region.get("score", np.nan) for region in regions]))
        for _, (name, regions) in sorted(images.items())
    ]


def _task(data: dict[str, str], regions: list[dict[str, Any]], scores: np.ndarray) -> dict[str, Any]:
    known = scores[~np.isnan(scores)]
    prediction: dict[str, Any] = {"model_version": "deep regression tracking", "result": regions}
    return {
        "data": data,
        "predictions": [prediction | ({"score": float(known.mean())} if len(known) else {})],
    }


def _percent(bbox: np.ndarray, width: int, height: int) -> dict[str, float]:
    x, y, w, h = bbox * (100 / np.array([width, height, width, height]))
    return {"x": float(x), "y": float(y), "width": float(w), "height": float(h)}


def _config(labels: list[str], *, images: bool) -> str:
    from xml.sax.saxutils import quoteattr

    entries = "".join(f"<Label value={quoteattr(label)}/>" for label in labels)
    if images:
        control = f'<RectangleLabels name="box" toName="image">{entries}</RectangleLabels>'
        return CONFIG.format(object="Image", kind="image", control=control)
    control = f'<VideoRectangle name="box" toName="video"/>\n  <Labels name="labels" toName="video">{entries}</Labels>'
    return CONFIG.format(object="Video", kind="video", control=control)


def _name_of(region: dict[str, Any]) -> str:
    texts = region.get("meta", {}).get("text") or [region["id"]]
    return str(texts[0])


def _video_track(name: str, region: dict[str, Any], data: dict[str, Any]) -> TrackResult:
    """Read the boxes of a region; after an enabled key frame they move along a line to the next key frame."""
    value = region["value"]
    keys = sorted(value["sequence"], key=lambda key: int(key["frame"]))
    places = np.array([int(key["frame"]) - 1 for key in keys])
    boxes = np.array([[float(key[side]) for side in ("x", "y", "width", "height")] for key in keys])
    count = int(value.get("framesCount") or places[-1] + 1)
    ends = np.append(places[1:], max(count, places[-1] + 1))
    frames = np.concatenate(
        [
            np.arange(place, end) if key["enabled"] else [place]
            for place, end, key in zip(places, ends, keys, strict=True)
        ]
    )
    size = _size(region)
    duration = float(value.get("duration") or 0)
    return TrackResult(
        name=name,
        frames=frames,
        bboxes=np.stack([np.interp(frames, places, column) for column in boxes.T], axis=1) * _unit(size),
        label=str((value.get("labels") or ["target"])[0]),
        source=str(data.get("video", "")),
        frame_wh=size,
        frame_count=count,
        fps=count / duration if duration > 0 else None,
    )


def _image_track(name: str, rows: list[tuple[int, dict[str, Any], str]]) -> TrackResult:
    values = [region["value"] for _, region, _ in rows]
    size = _size(rows[0][1])
    boxes = [[value[side] for side in ("x", "y", "width", "height")] for value in values]
    return TrackResult(
        name=name,
        frames=np.array([number for number, *_ in rows]),
        bboxes=np.array(boxes, np.float64) * _unit(size),
        scores=np.array([region.get("score", np.nan) for _, region, _ in rows], np.float64),
        label=str(values[0]["rectanglelabels"][0]),
        image_names=tuple(image for *_, image in rows),
        frame_wh=size,
    )


def _size(region: dict[str, Any]) -> tuple[int, int]:
    if not region.get("original_width") or not region.get("original_height"):
        raise ValueError("a region does not say how large its frames are: original_width, original_height")
    return int(region["original_width"]), int(region["original_height"])


def _unit(size: tuple[int, int]) -> np.ndarray:
    return np.array([*size, *size]) / 100
