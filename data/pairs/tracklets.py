"""Tracklets: crops of one target spread over its clip, small to store, with margin for the jitter of training."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from data.boxes import Floats, Image, bbox_center, frames_with_box
from data.datasets.clip import Clip
from data.files import sha256_of
from data.images import Levels, decode_bgr, jpeg_reduction
from data.pairs.settings import TrackletSettings


@dataclass(frozen=True)
class TrackletFrames:
    """The frames from which a worker makes a tracklet.

    Attributes:
        name: Name of the sequence.
        numbers: int64 ``(n,)``, numbers of the frames in the clip, ascending.
        paths: Image files of the frames.
        bboxes: float64 ``(n, 4)``, 0-based.
        first: The clip's first image file, with a box or without.
    """

    name: str
    numbers: NDArray[np.int64]
    paths: tuple[Path, ...]
    bboxes: Floats
    first: Path

    @classmethod
    def of(cls, sequence: Clip, count: int) -> "TrackletFrames":
        """Choose at most ``count`` frames with a box, among them the first and the last; none if no frame has one."""
        there = frames_with_box(sequence.bboxes)
        if len(there) > count:
            there = there[np.rint(np.linspace(0, len(there) - 1, count)).astype(int)]
        paths = tuple(sequence.paths[i] for i in there)
        return cls(sequence.name, there, paths, sequence.bboxes[there], sequence.paths[0])


@dataclass(frozen=True)
class Tracklet:
    """Crops of one target.

    Attributes:
        name: Name of the sequence.
        numbers: int64 ``(n,)``, number of each frame in the clip.
        bboxes: float64 ``(n, 4)``, x, y, w, h in pixels of the crop, 0-based.
        images: The crops, JPEG.
        skipped: Messages about frames that could not be used.
        first_sha256: SHA-256 of the clip's first image file, by which it is told from others; empty without one.
    """

    name: str
    numbers: NDArray[np.int64]
    bboxes: Floats
    images: tuple[bytes, ...]
    skipped: tuple[str, ...] = ()
    first_sha256: str = ""


def crop_tracklet(frames: TrackletFrames, settings: TrackletSettings) -> Tracklet:
    """Crop one target; unreadable images and boxes outside their image are left out and listed in ``skipped``."""
    numbers, bboxes, images, skipped, levels = [], [], [], [], Levels()
    for number, path, bbox in zip(frames.numbers, frames.paths, frames.bboxes, strict=True):
        try:
            crop, box = _crop(path, bbox, settings, levels)
        except (OSError, ValueError) as error:
            skipped.append(f"{frames.name}: {error}")
            continue
        encoded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, settings.quality])[1]
        numbers.append(number)
        bboxes.append(box)
        images.append(encoded.tobytes())
    return Tracklet(
        frames.name,
        np.array(numbers, np.int64),
        np.array(bboxes, np.float64).reshape(-1, 4),
        tuple(images),
        tuple(skipped),
        sha256_of(frames.first) if frames.first.is_file() else "",
    )


def _crop(path: Path, bbox: Floats, settings: TrackletSettings, levels: Levels) -> tuple[Image, Floats]:
    """Cut the part of an image around a box, BGR, shrunk if the target is large; return it and the box in it.

    The part ends at the image's border: training repeats the border itself.
    """
    data = path.read_bytes()
    extent = float(np.sqrt(bbox[2] * bbox[3]))
    shrink = extent / settings.target_size
    reduce = jpeg_reduction(data, shrink)
    image, box = decode_bgr(data, path, reduce, levels=levels), bbox / reduce
    size_wh = np.array(image.shape[1::-1])
    reach = settings.context * extent / reduce / 2
    center = bbox_center(box)
    first = np.clip(np.floor(center - reach + 0.5), 0, size_wh).astype(int)
    last = np.clip(np.ceil(center + reach + 0.5), 0, size_wh).astype(int)
    inside = np.minimum(box[:2] + box[2:], size_wh) - np.maximum(box[:2], 0)
    if (inside <= 0).any():
        text = ", ".join(f"{value:g}" for value in bbox)
        raise ValueError(f"box ({text}) lies outside the image {path}")
    patch = image[first[1] : last[1], first[0] : last[0]]
    small_wh = np.maximum(np.rint((last - first) / max(shrink / reduce, 1.0)), 1).astype(int)
    scale = small_wh / (last - first)
    if (scale < 1).any():
        patch = cv2.resize(patch, small_wh.tolist(), interpolation=cv2.INTER_AREA)
    return np.asarray(patch, np.uint8), np.concatenate([(box[:2] - first) * scale, box[2:] * scale])
