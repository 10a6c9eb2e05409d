"""Width and height on line: what the trained box head measures, weighed by how sure it is."""

import math
from typing import cast

import numpy as np
import torch
from torch import Tensor

from data.boxes import Floats, Image, bbox_from_center
from data.crop import SearchRegion, crop
from tracker.features import to_tensor
from tracker.network.box_head import CONTEXT, BoxHead
from tracker.network.regression_net import RegressionNet

MARGIN = 24
"""Crop pixels around what the box head looks at, on which its features depend."""


class BoxRefiner:
    """Follows a target's width and height by how the box head sees it against its look in frame 1.

    Each log size is a random walk that the head measures once a frame with a variance of its own, followed by a
    scalar Kalman filter (Kalman 1960): a blurred or half hidden target, of which the head is unsure, changes the
    box less than a clear one.

    Args:
        net: a trained network with a box head.
        drift: standard deviation by which log width and log height change from frame to frame, > 0.
        crop_size: side of the crops the network was trained on, in pixels.
        search_area_scale: their side over ``sqrt(w h)`` of the target.

    Raises:
        ValueError: the network has no box head, or a drift that is not positive.
    """

    def __init__(self, net: RegressionNet, drift: float, *, crop_size: int, search_area_scale: float) -> None:
        if net.box_head is None:
            raise ValueError(
                "refining boxes needs a network that was trained with a box head (model.box_head)"
            )
        if not drift > 0:
            raise ValueError(f"drift must be > 0, got {drift}")
        self.net = net
        self.drift = drift
        self.crop_size = crop_size
        self.search_area_scale = search_area_scale

    def start(self, image: Image, center: Floats, size: Floats, device: torch.device) -> None:
        """Keep the target's look in frame 1; see ``measure`` for the arguments."""
        self._device = device
        self._variance = np.zeros(2)
        region = SearchRegion.around(center, self.search_area_scale * math.sqrt(size.prod()), self.crop_size)
        self._pixel = region.side / self.crop_size / math.sqrt(size.prod())  # of a crop, in target sizes
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
        crop_size = min(cells * self.net.stride, self.crop_size)
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
