"""Width and height on line: what the trained box head measures, weighed by how sure it is."""

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from data.boxes import Floats, Image, bbox_from_center
from data.crop import SearchRegion, crop
from tracker.checks import positive
from tracker.features import to_tensor
from tracker.network.box_head import CONTEXT, BoxHead
from tracker.network.regression_net import RegressionNet

MARGIN = 24
"""Crop pixels around what the box head looks at, on which its features depend."""


@dataclass(eq=False)
class BoxRefiner:
    """Follows a target's width and height by how the box head sees it against its look in frame 1.

    Each log size is a random walk that the head measures once a frame with a variance of its own, followed by a
    scalar Kalman filter (Kalman 1960): a blurred or half hidden target, of which the head is unsure, changes the
    box less than a clear one.

    Args:
        net: a trained network with a box head.
        drift: standard deviation by which log width and log height change from frame to frame, > 0.

    Raises:
        ValueError: the network has no box head, it is not known what crops it was trained on, or ``drift`` is
            not positive.
    """

    net: RegressionNet
    drift: float

    def __post_init__(self) -> None:
        if self.net.box_head is None:
            raise ValueError(
                "refining boxes needs a network that was trained with a box head (model.box_head)"
            )
        if self.net.crops is None:
            raise ValueError(
                "refining boxes needs to know the crops that the network was trained on, got a network with "
                "crops=None: load a checkpoint of `train`, or set them with TrainingCrops"
            )
        positive("drift", self.drift)
        self._crops = self.net.crops

    def start(self, image: Image, center: Floats, size: Floats, device: torch.device) -> None:
        """Keep the target's look in frame 1; see ``measure`` for the arguments."""
        self._device = device
        self._variance = np.zeros(2)
        side = math.sqrt(size.prod())
        region = SearchRegion.around(center, self._crops.search_area_scale * side, self._crops.crop_size)
        self._pixel = region.side / self._crops.crop_size / side  # of a crop, in target sizes
        blocks = self.net.features(to_tensor(crop(image, region), device))
        self._mean, self._gain = self.net.standardisation(blocks)
        self._known = self._look(blocks, region, center, size)

    def update(self, image: Image, center: Floats, size: Floats) -> Floats:
        """How much width and height have changed: factors ``(2,)``.

        Args:
            image: uint8 ``(H, W, 3)`` RGB.
            center: ``(x, y)`` of the target in pixel-index coordinates.
            size: ``(w, h)`` in pixels that the target is assumed to have.
        """
        scale = 1 / (self._pixel * math.sqrt(size.prod()))  # crop pixels a frame pixel
        cells = math.ceil((size.max() * CONTEXT * scale + MARGIN) / self.net.stride)
        crop_size = min(cells * self.net.stride, self._crops.crop_size)
        region = SearchRegion.around(center, crop_size / scale, crop_size)
        blocks = self.net.features(to_tensor(crop(image, region), self._device))
        seen = self._look(blocks, region, center, size)
        head = cast(BoxHead, self.net.box_head)
        correction, log_spread = (found[0, 2:].cpu().numpy() for found in head.compare(self._known, seen))
        return self._filter(correction, 2 * np.exp(2 * log_spread))  # variance of a Laplace distribution

    def _look(self, blocks: Tensor, region: SearchRegion, center: Floats, size: Floats) -> Tensor:
        head = cast(BoxHead, self.net.box_head)
        bbox = region.to_crop(bbox_from_center(center, size))
        cells = torch.tensor(bbox / self.net.stride, dtype=torch.float32, device=self._device)[None]
        return head.look((blocks - self._mean) * self._gain, cells)

    def _filter(self, measured: Floats, noise: Floats) -> Floats:
        self._variance += self.drift**2
        gain = self._variance / (self._variance + noise)
        self._variance *= 1 - gain
        return np.exp(gain * measured)
