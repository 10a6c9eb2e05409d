"""The target's box on line: the centre from the filter's peak and the box head, the size from the box head."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from data.boxes import Floats, bbox_from_center
from data.crop import SearchRegion
from tracker.checks import not_negative, positive, share
from tracker.network.box_head import BoxHead, BoxMap
from tracker.network.nanotrack_head import NanoTrackHead
from tracker.network.onnx_engine import OnnxBoxHead

AnyBoxHead = BoxHead | OnnxBoxHead | NanoTrackHead


@dataclass(frozen=True)
class BoxSettings:
    """Settings of the use of the box head's measurements.

    Attributes:
        box_rate: rate at which log width and log height follow the head's, in [0, 1].
        box_pull: weight of the head's centre, against that of the filter's peak, in [0, 1].
        box_reach: the head's box is used only if its centre lies within so many target sizes, ``sqrt(w h)``, of the
            filter's peak along each axis; > 0.
        unsure_change: while the filter's peak is too low to learn from, log width and log height stay within this
            of their last values before, so that a hidden target does not take over the occluder's size; >= 0.

    Raises:
        ValueError: a setting outside its range.
    """

    box_rate: float = 0.3
    box_pull: float = 0.5
    box_reach: float = 0.5
    unsure_change: float = 0.2

    def __post_init__(self) -> None:
        share("box_rate", self.box_rate)
        share("box_pull", self.box_pull)
        positive("box_reach", self.box_reach)
        not_negative("unsure_change", self.unsure_change)


class Measured(NamedTuple):
    """The box head's box at one position.

    Attributes:
        center: ``(x, y)`` in image pixels.
        size: width and height in image pixels, float64 ``(2,)``.
    """

    center: Floats
    size: Floats


@dataclass(eq=False)
class BoxFollower:
    """Follows the target's box with a trained box head, read at the filter's peak.

    The filter has learned this target and finds its position; the head has learned edges of objects and measures
    width and height there.
    """

    head: AnyBoxHead
    box: BoxSettings = field(default_factory=BoxSettings)

    def start(self, features: Tensor, region: SearchRegion, center: Floats, size: Floats) -> None:
        """Keep the target's template of frame 1.

        Args:
            features: the backbone's features of the crop of ``region``, float32 ``(1, C, h, w)``.
            region: the region around the target.
            center: ``(x, y)`` of the target in pixel-index coordinates.
            size: ``(w, h)`` of the target in pixels.
        """
        bbox = torch.tensor(region.to_crop(bbox_from_center(center, size)), device=features.device).float()
        self.template = self.head.start(features, bbox[None])
        self.sure_size = size

    def look(self, features: Tensor) -> BoxMap:
        """What the head says of a crop, from the backbone's features ``(1, C, h, w)``."""
        return self.head(self.template, features)

    def follow(
        self, said: BoxMap, region: SearchRegion, peak: Floats, size: Floats, sure: bool
    ) -> tuple[Floats, Floats]:
        """Return the target's centre and size, float64 ``(2,)`` each; ``peak`` and ``size`` if the box is not used.

        Args:
            said: the head's map of the crop of ``region``.
            region: the search region.
            peak: ``(x, y)`` of the filter's peak, in pixel-index coordinates.
            size: last ``(w, h)`` of the target, in pixels.
            sure: the filter's peak is high enough to learn from.
        """
        found = measured(said, region, peak)
        away = np.abs(found.center - peak).max() / math.sqrt(size.prod())
        if away > self.box.box_reach:
            return peak, size
        center = peak + self.box.box_pull * (found.center - peak)
        size = size * (found.size / size) ** self.box.box_rate
        if sure:
            self.sure_size = size
        most = math.exp(self.box.unsure_change)
        return center, np.clip(size, self.sure_size / most, self.sure_size * most)


def measured(boxes: BoxMap, region: SearchRegion, place: Floats) -> Measured:
    """Read a box head's map at the cell nearest to ``place``; result in image coordinates."""
    scale = region.side / region.size
    height, width = boxes.bbox.shape[-2:]
    column, row = (
        min(max(round((((at - start + 0.5) / scale - 0.5) - (boxes.stride - 1) / 2) / boxes.stride), 0), last)
        for at, start, last in zip(place.tolist(), (region.x, region.y), (width - 1, height - 1), strict=True)
    )
    # The whole map at once: tensors are several times slower than arrays to read an element of.
    x, y, w, h = (value * scale for value in boxes.bbox[0].cpu().numpy()[:, row, column].tolist())
    center = x + region.x + (w - 1) / 2, y + region.y + (h - 1) / 2
    return Measured(np.array(center), np.array([max(w, 1.0), max(h, 1.0)]))
