"""The target's box on line: the place between the filter's peak and the box head's centre, the size from the head."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from data.boxes import Floats, bbox_center, bbox_from_center
from data.crop import SearchRegion
from tracker.checks import positive, share
from tracker.network.box_head import BoxHead, BoxMap
from tracker.network.onnx_engine import OnnxBoxHead


@dataclass(frozen=True)
class BoxSettings:
    """How far the box head is believed.

    Attributes:
        box_rate: share of the way that log width and log height go to what the head measures, in [0, 1].
        box_pull: share of the way that the centre goes from the filter's peak to the head's centre, in [0, 1].
        box_reach: the head is believed where its centre lies within so many target sizes, ``sqrt(w h)``, of the
            filter's peak, along either axis; > 0.
        least_overlap: and where it expects its box to overlap the target's by at least this (IoU), in [0, 1].

    Raises:
        ValueError: a setting outside its range.
    """

    box_rate: float = 0.3
    box_pull: float = 0.5
    box_reach: float = 0.5
    least_overlap: float = 0.0

    def __post_init__(self) -> None:
        share("box_rate", self.box_rate)
        share("box_pull", self.box_pull)
        positive("box_reach", self.box_reach)
        share("least_overlap", self.least_overlap)


class Measured(NamedTuple):
    """What the box head says at a place.

    Attributes:
        center: ``(x, y)`` in image pixels.
        size: width and height in image pixels, float64 ``(2,)``.
        overlap: that it expects its box to have with the target's (IoU), in [0, 1].
    """

    center: Floats
    size: Floats
    overlap: float


@dataclass(eq=False)
class BoxFollower:
    """Asks a trained box head, at the filter's peak, where the target's edges are, and follows them.

    The filter finds the place, as it knows this one target; the head knows what the edges of things look like
    and measures width and height there.

    Args:
        head: the trained box head.
        box: how far it is believed.
    """

    head: BoxHead | OnnxBoxHead
    box: BoxSettings = field(default_factory=BoxSettings)

    def start(self, features: Tensor, region: SearchRegion, center: Floats, size: Floats) -> None:
        """Keep the target's look in frame 1.

        Args:
            features: as the backbone gives them, float32 ``(1, C, h, w)``, of the crop of ``region``.
            region: what was cropped, around the target.
            center: ``(x, y)`` of the target in pixel-index coordinates.
            size: ``(w, h)`` of the target in pixels.
        """
        bbox = torch.tensor(region.to_crop(bbox_from_center(center, size)), device=features.device).float()
        self._template = self.head.start(features, bbox[None])

    def follow(
        self, features: Tensor, region: SearchRegion, peak: Floats, size: Floats
    ) -> tuple[Floats, Floats]:
        """The target's centre and size, float64 ``(2,)`` each; those that are given where the head is not believed.

        Args:
            features: as the backbone gives them, float32 ``(1, C, h, w)``, of the crop of ``region``.
            region: what was cropped, around where the target was.
            peak: ``(x, y)`` where the filter finds the target, in pixel-index coordinates.
            size: ``(w, h)`` that the target had, in pixels.
        """
        found = measured(self.head(self._template, features), region, peak)
        away = np.abs(found.center - peak).max() / math.sqrt(size.prod())
        if away > self.box.box_reach or found.overlap < self.box.least_overlap:
            return peak, size
        center = peak + self.box.box_pull * (found.center - peak)
        return center, size * (found.size / size) ** self.box.box_rate


def measured(boxes: BoxMap, region: SearchRegion, place: Floats) -> Measured:
    """What a box head's map says at the cell nearest to ``place``, in image coordinates."""
    scale = region.side / region.size
    pixel = (place - (region.x, region.y) + 0.5) / scale - 0.5
    cell = np.rint((pixel - (boxes.stride - 1) / 2) / boxes.stride).astype(int)
    height, width = boxes.bbox.shape[-2:]
    column, row = np.clip(cell, 0, (width - 1, height - 1))
    bbox = boxes.bbox[0, :, row, column].cpu().double().numpy() * scale + (region.x, region.y, 0, 0)
    overlap = float(boxes.logit[0, 0, row, column].sigmoid())
    return Measured(bbox_center(bbox), np.maximum(bbox[2:], 1.0), overlap)
