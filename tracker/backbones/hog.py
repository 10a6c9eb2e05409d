"""fHOG, the 31-channel histograms of oriented gradients of Felzenszwalb et al."""

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.backbones.base import BACKBONES, Backbone

ORIENTATIONS = 18
"""Signed orientations of 20 degrees each; opposite pairs are the 9 unsigned orientations."""

CLAMP = 0.2
TEXTURE_GAIN = 0.2357
EPSILON = 1e-4


@BACKBONES.register("hog")
class HOG(Backbone):
    """31-channel fHOG on cells of 4 pixels: 18 signed and 9 unsigned orientations, 4 texture energies.

    Felzenszwalb, Girshick, McAllester, Ramanan: Object Detection with Discriminatively Trained Part Based
    Models, PAMI 2010, section 6. Each pixel's gradient is that of the colour channel in which it is strongest; its
    magnitude is shared linearly between the two nearest orientations. Pixels are shared between neighbouring cells
    by the mean of the cell's bilinear weights, which is a ``[1 6 1] / 8`` smoothing of the histograms along each axis.
    """

    stride = 4
    blocks = (31,)

    def forward(self, images: Tensor) -> Tensor:
        """Extract features float32 ``(B, 31, H/4, W/4)`` of RGB ``images`` float32 ``(B, 3, H, W)`` in [0, 255]."""
        histogram = _smooth(_cell_histograms(images / 255.0, self.stride))
        unsigned = histogram[:, :9] + histogram[:, 9:]
        oriented = torch.cat([histogram, unsigned], dim=1)
        features, textures = torch.zeros_like(oriented), []
        for norm in _block_norms(unsigned.square().sum(1, keepdim=True)):
            clamped = (oriented * norm).clamp_(max=CLAMP)
            textures.append(clamped[:, :ORIENTATIONS].sum(1, keepdim=True))
            features += clamped
        return torch.cat([0.5 * features, TEXTURE_GAIN * torch.cat(textures, dim=1)], dim=1)


def _cell_histograms(images: Tensor, cell: int) -> Tensor:
    """Sum the gradients' magnitudes by signed orientation over each cell: ``(B, 18, H/cell, W/cell)``."""
    batch, _, height, width = images.shape
    dx, dy, energy = _strongest_gradient(images)
    # The angle of the opposite direction plus half a turn is the angle in [0, 2π], i.e. in [0, 18] bins.
    position = torch.atan2(-dy, -dx).add_(math.pi).mul_(ORIENTATIONS / (2 * math.pi))
    lower = position.floor()
    magnitude = energy.sqrt_()
    to_upper = position.sub_(lower).mul_(magnitude)

    rows, columns = height // cell, width // cell
    cells = rows * columns
    row = torch.arange(height, device=images.device) // cell
    column = torch.arange(width, device=images.device) // cell
    # Two more bins take the values beyond the full turn, instead of a modulo at every pixel.
    bins = ORIENTATIONS + 2
    first = torch.arange(batch, device=images.device).view(-1, 1, 1) * (bins * cells)
    place = (first + row[:, None] * columns + column).float()
    index = torch.add(place, lower, alpha=cells).long().flatten()
    histogram = images.new_zeros(batch * bins * cells)
    histogram.scatter_add_(0, index, (magnitude - to_upper).flatten())
    histogram.scatter_add_(0, index + cells, to_upper.flatten())
    histogram = histogram.view(batch, bins, rows, columns)
    histogram[:, :2] += histogram[:, ORIENTATIONS:]
    return histogram[:, :ORIENTATIONS]


def _strongest_gradient(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute central differences ``dx``, ``dy`` and ``dx²+dy²``, ``(B, H, W)``, in each pixel's strongest channel."""
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    dx = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
    dy = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
    energy = torch.addcmul(dx * dx, dy, dy)
    best_dx, best_dy, best = dx[:, 0], dy[:, 0], energy[:, 0]
    for channel in range(1, images.shape[1]):
        # 1 if this channel is stronger, else 0; lerp is then several times faster than a comparison and where.
        stronger = (energy[:, channel] - best).sign_().clamp_(min=0)
        best_dx = torch.lerp(best_dx, dx[:, channel], stronger)
        best_dy = torch.lerp(best_dy, dy[:, channel], stronger)
        best = torch.maximum(best, energy[:, channel])
    return best_dx, best_dy, best


def _smooth(histogram: Tensor) -> Tensor:
    """Smooth the histograms over neighbouring cells, ``[1 6 1] / 8`` along each axis, border repeated."""
    rows, columns = (_smoothing(length).to(histogram.device) for length in histogram.shape[-2:])
    return rows @ histogram @ columns.T


@lru_cache
def _smoothing(length: int) -> Tensor:
    """Make the smoothing along one axis as a banded matrix ``(length, length)``."""
    neighbours = torch.diag(torch.full((length - 1,), 0.125), 1)
    matrix = neighbours + neighbours.T
    return matrix + torch.diag(1 - matrix.sum(1))


def _block_norms(energy: Tensor) -> list[Tensor]:
    """Compute the inverse norms of the four 2x2-cell blocks around each cell."""
    blocks = F.avg_pool2d(F.pad(energy, (1, 1, 1, 1), mode="replicate"), 2, stride=1) * 4
    inverse = (blocks + EPSILON).rsqrt()
    return [inverse[:, :, i : i + energy.shape[2], j : j + energy.shape[3]] for i in (0, 1) for j in (0, 1)]
