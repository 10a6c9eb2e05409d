"""ImageNet-VID: video object detection with one XML file for each frame; each object becomes a sequence."""

from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from data.datasets.base import DATASETS, Dataset, check_subset, collect
from data.datasets.clip import Clip
from data.images import list_images, natural_order


@DATASETS.register("imagenet-vid")
def load_imagenet_vid(root: Path, subset: str | None) -> Dataset:
    """Read ImageNet-VID: ``Annotations/VID/train/…/*.xml`` beside ``Data/VID/train/…/*.JPEG``.

    Every object of a clip is a sequence ``CLIP.TRACKID``. The corners in the files are 0-based pixels, both inside
    the box. Reading takes about a minute for ten thousand frames: `prepare` reads the dataset once.
    """
    part = check_subset("imagenet-vid", subset, ("train", "val"))
    annotations, images = root / "Annotations" / "VID" / part, root / "Data" / "VID" / part
    if not annotations.is_dir():
        raise FileNotFoundError(f"ImageNet-VID's {part} must be in {annotations} and {images}")
    folders = sorted({file.parent for file in annotations.rglob("*.xml")}, key=natural_order)
    readers = {
        folder.name: partial(_read_clip, folder, images / folder.relative_to(annotations))
        for folder in folders
    }
    layout = f"Annotations/VID/{part}/…/NAME/000000.xml, … and Data/VID/{part}/…/NAME/000000.JPEG, …"
    return collect("imagenet-vid", "ImageNet-VID", root, readers, layout=layout)


def _read_clip(annotations: Path, images: Path) -> list[Clip]:
    paths = tuple(list_images(images))
    tracks: dict[str, np.ndarray] = {}
    for index, path in enumerate(paths):
        for track, bbox in _read_frame(annotations / f"{path.stem}.xml"):
            tracks.setdefault(track, np.full((len(paths), 4), np.nan))[index] = bbox
    if not tracks:
        raise ValueError(f"{annotations} holds no object")
    return [Clip(f"{annotations.name}.{track}", paths, bboxes) for track, bboxes in tracks.items()]


def _read_frame(file: Path) -> list[tuple[str, list[float]]]:
    try:
        objects = ElementTree.parse(file).getroot().findall("object")
        return [(item.findtext("trackid", "0"), _bbox(item)) for item in objects]
    except (ElementTree.ParseError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is no annotation of ImageNet-VID: {error}") from None


def _bbox(item: ElementTree.Element) -> list[float]:
    corners = ("xmin", "ymin", "xmax", "ymax")
    left, top, right, bottom = (float(item.findtext(f"bndbox/{name}", "")) for name in corners)
    return [left, top, right - left + 1, bottom - top + 1]
