"""COCO's JSON with videos and track ids, as in COCO's extensions to video."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.formats.base import FORMATS, Format, read_json
from data.track_result import TrackResult


@FORMATS.register("coco")
class Coco(Format):
    """``coco.json``: an image for each frame, an annotation for each box, ``[x, y, w, h]`` from 0.

    ``videos``, ``video_id``, ``frame_id`` (from 0) and ``track_id`` follow COCO's extensions to video. Each
    annotation has a ``score``; the lost flag and the target's name are ``attributes``. Frames without any box
    are images without annotations.
    """

    needs_frame_wh = True

    def render(self, results: Sequence[TrackResult]) -> dict[str, str]:
        """See `Format`."""
        first = results[0]
        names: dict[int, str] = {}
        for one in results:
            names |= dict(zip(one.frames.tolist(), one.image_names or (), strict=False))
        width, height = first.frame_wh or (0, 0)
        count = max(one.frame_count for one in results)
        labels = sorted({one.label for one in results})
        video = {"id": 1, "name": first.source, "width": width, "height": height}
        images = [
            {"id": frame + 1, "video_id": 1, "frame_id": frame, "width": width, "height": height,
             "file_name": names.get(frame, f"{frame + 1:06d}.jpg")}
            for frame in range(count)
        ]  # fmt: skip
        content = {
            "info": {"description": f"tracks in {first.source}", "version": "1.0"},
            "licenses": [],
            "videos": [video if first.fps is None else video | {"fps": first.fps}],
            "images": images,
            "annotations": _annotations(results, labels),
            "categories": [
                {"id": number, "name": label, "supercategory": ""} for number, label in enumerate(labels, 1)
            ],
        }
        return {"coco.json": json.dumps(content, indent=1) + "\n"}

    def parse(self, path: Path) -> list[TrackResult]:
        """See `Format`; annotations without a ``track_id`` belong to no track and are left out."""
        content = read_json(path)
        try:
            images = {image["id"]: image for image in content["images"]}
            labels = {category["id"]: category["name"] for category in content["categories"]}
            tracks: dict[Any, list[dict[str, Any]]] = {}
            for annotation in content["annotations"]:
                if "track_id" in annotation:
                    tracks.setdefault(annotation["track_id"], []).append(annotation)
            videos = {video["id"]: video for video in content.get("videos", ())}
            return [_track(track, rows, images, labels, videos) for track, rows in tracks.items()]
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is no COCO file of videos: {type(error).__name__} {error}") from error


def _annotations(results: Sequence[TrackResult], labels: list[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for track, one in enumerate(results, 1):
        for frame, bbox, score, lost in zip(one.frames, one.bboxes, one.scores, one.lost, strict=True):
            if np.isnan(bbox).any():
                continue
            x, y, w, h = (round(float(value), 4) for value in bbox)
            row = {"id": len(rows) + 1, "image_id": int(frame) + 1, "video_id": 1, "track_id": track,
                   "category_id": labels.index(one.label) + 1, "bbox": [x, y, w, h], "area": w * h, "iscrowd": 0,
                   "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
                   "attributes": {"name": one.name, "lost": bool(lost)}}  # fmt: skip
            rows.append(row if math.isnan(score) else row | {"score": round(float(score), 6)})
    return rows


def _track(
    track: Any,
    rows: list[dict[str, Any]],
    images: dict[Any, Any],
    labels: dict[Any, str],
    videos: dict[Any, Any],
) -> TrackResult:
    def frame_of(row: dict[str, Any]) -> int:
        return int(images[row["image_id"]]["frame_id"])

    rows = sorted(rows, key=frame_of)
    image = images[rows[0]["image_id"]]
    video = videos.get(image.get("video_id"), {})
    same = [other for other in images.values() if other.get("video_id") == image.get("video_id")]
    attributes = [row.get("attributes", {}) for row in rows]
    return TrackResult(
        name=str(attributes[0].get("name", track)),
        frames=np.array([frame_of(row) for row in rows]),
        bboxes=np.array([row["bbox"] for row in rows], np.float64),
        scores=np.array([row.get("score", math.nan) for row in rows], np.float64),
        lost=np.array([bool(one.get("lost", False)) for one in attributes]),
        label=str(labels[rows[0]["category_id"]]),
        source=str(video.get("name", "")),
        image_names=tuple(str(images[row["image_id"]]["file_name"]) for row in rows),
        frame_wh=(int(image["width"]), int(image["height"])),
        frame_count=max(int(other["frame_id"]) for other in same) + 1,
        fps=video.get("fps"),
    )
