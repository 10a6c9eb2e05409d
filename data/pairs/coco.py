"""Still images with boxes: annotations in COCO's JSON form."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from data.files import check_name, read_text
from data.pairs.sources import StillSource

_LARGEST_FILE = 2**31  # bytes; COCO's own have 0.5 GB
_LEAST_SIDE = 8.0  # pixels; a smaller object shows no detail to follow
_LARGEST_SHARE = 0.9  # of the image's width or height


def read_coco(annotations: str | Path, **settings: Any) -> StillSource:
    """Read the objects of a COCO-style annotation file: ``images``, ``annotations`` with ``bbox`` x, y, w, h.

    Some tools draw boxes on an image as stored, others as EXIF orients it: ``width`` and ``height`` tell which.

    The images are searched for beside and above the file, e.g. in ``train2017`` beside ``annotations``. Crowds,
    boxes less than 8 pixels wide or high, and boxes nearly as wide or high as their image are left out.

    Args:
        annotations: The JSON file, e.g. ``annotations/instances_train2017.json``.
        settings: Further settings of `StillSource`.

    Raises:
        FileNotFoundError: The file or the images do not exist.
        ValueError: The file is no COCO-style annotation file, or holds no box that could be used.
    """
    annotations = Path(annotations).absolute()
    try:
        content = json.loads(read_text(annotations, "annotation file", _LARGEST_FILE))
        known = {image["id"]: image for image in content["images"]}
        single = [item for item in content["annotations"] if not item.get("iscrowd", 0)]
        objects = [(known[item["image_id"]], item["bbox"]) for item in single]
        kept = [(image, bbox) for image, bbox in objects if _usable(image, bbox)]
        for image, _ in kept:
            check_name(image["file_name"], "an image", folders=True)
        files = [os.fsencode(image["file_name"]) for image, _ in kept]
        sizes = np.array([(image["width"], image["height"]) for image, _ in kept], np.int64)
        boxes = np.array([bbox for _, bbox in kept], np.float64)
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(
            f"{annotations} is no COCO-style annotation file: {type(error).__name__} {error}; expected a JSON "
            "object with images (id, file_name, width, height) and annotations (image_id, bbox)"
        ) from None
    if not kept:
        raise ValueError(f"{annotations} holds no box that could be used, of {len(objects)} boxes")
    folder = _find_images(annotations, os.fsdecode(files[0]))
    return StillSource(str(folder), np.array(files), boxes, sizes_wh=sizes, **settings)


def _usable(image: dict[str, Any], bbox: list[float]) -> bool:
    x, y, width, height = map(float, bbox)
    fits = width <= _LARGEST_SHARE * image["width"] and height <= _LARGEST_SHARE * image["height"]
    return bool(np.isfinite([x, y]).all()) and min(width, height) >= _LEAST_SIDE and fits


def _find_images(annotations: Path, first: str) -> Path:
    """Find the folder of an image: that of the annotations, or one beside them or beside their folder."""
    beside, above = annotations.parent, annotations.parent.parent
    name = annotations.stem.rpartition("_")[2]  # instances_train2017.json -> train2017
    places = [place / part for place in (beside, above) for part in ("", name, "images", f"images/{name}")]
    found = next((place for place in places if (place / first).is_file()), None)
    if found is None:
        tried = ", ".join(map(str, places))
        raise FileNotFoundError(f"images of {annotations} were not found: {first} is in none of {tried}")
    return found
