"""Clips and stills on disk whose targets are where they are said to be, for tests of training data."""

import cv2
import numpy as np

from data.datasets.clip import Clip
from data.pairs.dataset import PairDataset


def make_clip(folder, bboxes, size_wh=(160, 120), suffix=".png"):
    """A clip of white rectangles of whole pixels on black."""
    folder.mkdir(exist_ok=True)
    paths = []
    for number, box in enumerate(np.asarray(bboxes, float)):
        image = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
        if np.isfinite(box).all():
            x, y, w, h = box.astype(int)
            image[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)] = 255
        paths.append(folder / f"{number:04d}{suffix}")
        encoded = cv2.imencode(suffix, image, [cv2.IMWRITE_JPEG_QUALITY, 100] if suffix == ".jpg" else [])[1]
        paths[-1].write_bytes(encoded.tobytes())
    return Clip(folder.name, tuple(paths), np.asarray(bboxes, float))


def make_stills(folder, count=4, size_wh=(120, 90)):
    folder.mkdir()
    for number in range(count):
        image = np.random.default_rng(number).integers(0, 256, (size_wh[1], size_wh[0], 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), cv2.GaussianBlur(image, (0, 0), 2))
    return folder


def dataset(source, length=64, **settings):
    return PairDataset([(source, 1.0)], length, **settings)


def bright_box(crop):
    """Box x, y, w, h of a bright rectangle on black, to a fraction of a pixel: mean place and total brightness."""
    bright = crop[..., 1].astype(float) / 255
    box = []
    for axis in (0, 1):
        line = bright.sum(axis) / bright.sum(axis).max()
        center, length = (line * np.arange(len(line))).sum() / line.sum(), line.sum()
        box.append((center - (length - 1) / 2, length))
    return np.array([box[0][0], box[1][0], box[0][1], box[1][1]])


def same(first, second):
    return (
        np.array_equal(first.template, second.template)
        and np.array_equal(first.search, second.search)
        and np.array_equal(first.template_bbox, second.template_bbox)
        and np.array_equal(first.search_bbox, second.search_bbox)
        and first.source == second.source
    )
