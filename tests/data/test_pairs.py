"""Pairs: the box is where the target is, and the same pairs come whatever loads them."""

import pickle

import cv2
import numpy as np
import pytest
import torch

from data.jitter import GeometricJitter
from data.pair_sources import ClipSource, FolderClip, StillSource, SyntheticSource
from data.pairs import PairDataset, RankSampler, build_loader
from data.sequences import Sequence, read_otb_root
from tests.trees import make_otb

STRONG = GeometricJitter(shift=0.6, scale=0.2, aspect=0.2, flip=0.5)


def clip(folder, bboxes, size_wh=(160, 120), suffix=".png", draw=True):
    """A clip of white rectangles on a dark, textured background."""
    folder.mkdir(exist_ok=True)
    paths = []
    for number, box in enumerate(np.asarray(bboxes, float)):
        image = np.random.default_rng(number).integers(0, 60, (size_wh[1], size_wh[0], 3), dtype=np.uint8)
        if draw and np.isfinite(box).all():
            x, y, w, h = box.astype(int)
            image[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)] = 255
        paths.append(folder / f"{number:04d}{suffix}")
        paths[-1].write_bytes(cv2.imencode(suffix, image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())
    return Sequence(folder.name, tuple(paths), np.asarray(bboxes, float))


def dataset(source, length=64, **settings):
    return PairDataset([(source, 1.0)], length, **settings)


def bright_box(crop):
    """Edges (left, top, right, bottom; pixel-index coordinates) of the bright target, to a fraction of a pixel.

    Sums along one axis through the target's middle are 1 inside and 0 outside: what they add up to is its length,
    and the fractions at either end say where it begins.
    """
    bright = np.clip((crop.min(axis=2).astype(float) - 60) / 195, 0, 1)
    edges = []
    for axis in (0, 1):
        profile = np.median(np.where(bright.max(axis=1 - axis, keepdims=True) > 0.5, bright, np.nan), axis=axis) if 0 else None
    columns = bright[int(np.argmax(bright.sum(1)))]
    rows = bright[:, int(np.argmax(bright.sum(0)))]
    for line in (columns, rows):
        inside = np.flatnonzero(line > 0.5)
        first, last = inside[0], inside[-1]
        edges.append((first - 0.5 - line[max(first - 3, 0) : first].sum() + (1 - line[first : first + 3]).sum(),
                      last + 0.5 + line[last + 1 : last + 4].sum() - (1 - line[max(last - 2, 0) : last + 1]).sum()))
    return np.array([edges[0][0], edges[1][0], edges[0][1], edges[1][1]])
