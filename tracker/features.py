"""Feature maps standardised on frame 1 for a filter, and the window by which they are multiplied."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracker.backbones import Backbone
from tracker.checks import whole

ENERGY = 40.0
"""Mean energy of a cell's features, ``Σ_c x_c²``, in training and on line, so that a filter's λ fits both."""


def to_tensor(images: Sequence[NDArray[np.uint8]], device: torch.device) -> Tensor:
    """Convert RGB images uint8 ``(H, W, 3)`` of one size to float32 ``(B, 3, H, W)`` in [0, 255] on ``device``."""
    planes = np.empty((len(images), 3, *images[0].shape[:2]), np.float32)
    for index, image in enumerate(images):
        for channel in range(3):  # in a third of the time that torch takes to reorder the bytes
            planes[index, channel] = image[..., channel]
    return torch.from_numpy(planes).to(device)


def hann2d(height: int, width: int) -> Tensor:
    """Make a 2-D Hann window, float32 ``(height, width)`` in (0, 1], symmetric about the geometric centre.

    In each direction it is ``sin²(π (i + 1) / (n + 1))``, the Hann window without its two zeros.
    """
    rows, columns = (torch.hann_window(n + 2, periodic=False)[1:-1] for n in (height, width))
    return torch.outer(rows, columns)


@dataclass(eq=False)
class FeatureExtractor:
    """A backbone whose channels are centred, reduced and scaled by their statistics in frame 1.

    Channels that do not vary in frame 1 (colour in a grey video, dead units) are dropped. A block of more than
    ``max_channels`` channels is projected on its principal components. Each block is then scaled to a share of a
    cell's mean energy, ``ENERGY``, in proportion to its number of channels: no block dominates, and regularisation
    has the same strength for every backbone.

    Args:
        backbone: maps images to features.
        max_channels: principal components kept of each block of the backbone's channels, or None for all.
        reduction: learned linear map of all channels, standardised, to fewer: float32 ``(C', C)``; or None.
    """

    backbone: Backbone
    max_channels: int | None = None
    reduction: Tensor | None = None

    def __post_init__(self) -> None:
        if self.max_channels is not None:
            whole("max_channels", self.max_channels, 1)

    def __call__(self, images: Tensor) -> Tensor:
        """Extract features float32 ``(B, C, h, w)`` of RGB images ``(B, 3, H, W)`` in [0, 255]."""
        return self.standardise(self.backbone(images))

    def learn(self, features: Tensor) -> Tensor:
        """Learn the standardisation from the backbone's features of frame 1; return them standardised."""
        self._mean = features.mean((0, 2, 3)).view(-1, 1, 1)
        centred = (features - self._mean)[0].flatten(1)
        blocks = centred.split(self.backbone.blocks)
        components = [self._components(block) for block in blocks]
        channels = sum(len(rows) for rows in components)
        for rows, block in zip(components, blocks, strict=True):
            energy = float((rows @ block).square().sum(0).mean())
            rows *= math.sqrt(ENERGY * len(rows) / channels / max(energy, 1e-6))
        self._projection = torch.block_diag(*components)
        if self.reduction is not None:
            rows = self.reduction @ self._projection
            energy = (rows @ centred).square().sum(0).mean().clamp_min(1e-6)
            self._projection = rows * (ENERGY / energy).sqrt()
        return self.standardise(features)

    def standardise(self, features: Tensor) -> Tensor:
        """Convert the backbone's features ``(B, channels, h, w)`` to those of the filter, ``(B, C, h, w)``."""
        centred = (features - self._mean).flatten(2)
        return (self._projection @ centred).unflatten(2, features.shape[-2:])

    def _components(self, block: Tensor) -> Tensor:
        """Make rows that select the varying channels of ``block`` ``(C, cells)``, or its principal components."""
        channels = block.shape[0]
        if self.reduction is not None:
            return torch.eye(channels, device=block.device)
        if self.max_channels is None or channels <= self.max_channels:
            varying = block.square().mean(1) > 1e-8
            # Of a frame without any texture one channel is kept, so that the shapes stay valid.
            return torch.eye(channels, device=block.device)[varying if varying.any() else slice(1)]
        vectors = torch.linalg.svd(block @ block.T)[0]
        return vectors[:, : self.max_channels].T
