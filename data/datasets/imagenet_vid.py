"""ImageNet-VID: video object detection, one XML file a frame, every object that is followed a sequence."""

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

    Every object of a clip is a sequence ``CLIP.TRACKID``. Its corners are 0-based pixels, both inside the box. It
    takes a minute for each ten thousand frames or so: `prepare` does it once.
    """
    part = check_subset("imagenet-vid", subset, ("train", "val"))
    annotations = root / "Annotations" / "VID" / part
    if not annotations.is_dir():
        raise FileNotFoundError(
            f"ImageNet-VID's {part} must be in {annotations} and {root / 'Data' / 'VID' / part}"
        )
    folders = sorted({file.parent for file in annotations.rglob("*.xml")}, key=natural_order)
    readers = {
        folder.name: partial(
            _read_clip, folder, root / "Data" / "VID" / part / folder.relative_to(annotations)
        )
        for folder in folders
    }
    layout = f"Annotations/VID/{part}/…/NAME/000000.xml, … and Data/VID/{part}/…/NAME/000000.JPEG, …"
    return collect("imagenet-vid", "ImageNet-VID", root, readers, layout=layout)


def _read_clip(annotations: Path, images: Path) -> list[Clip]:
    """Read one clip: as many sequences as objects."""
    paths = tuple(list_images(images))
    tracks: dict[str, np.ndarray] = {}
    for index, path in enumerate(paths):
        for track, bbox in _read_frame(annotations / f"{path.stem}.xml"):
            tracks.setdefault(track, np.full((len(paths), 4), np.nan))[index] = bbox
    if not tracks:
        raise ValueError(f"{annotations} holds no object")
    return [Clip(f"{annotations.name}.{track}", paths, bboxes) for track, bboxes in tracks.items()]


def _read_frame(file: Path) -> list[tuple[str, list[float]]]:
    """Read the track and the box of every object in a frame."""
    try:
        objects = ElementTree.parse(file).getroot().findall("object")
        return [(item.findtext("trackid", "0"), _bbox(item)) for item in objects]
    except (ElementTree.ParseError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is no annotation of ImageNet-VID: {error}") from None


def _bbox(item: ElementTree.Element) -> list[float]:
    left, top, right, bottom = (float(item.findtext(f"bndbox/{name}", "")) for name in _CORNERS)
    return [left, top, right - left + 1, bottom - top + 1]


_CORNERS = ("xmin", "ymin", "xmax", "ymax")
