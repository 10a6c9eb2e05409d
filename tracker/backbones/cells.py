"""Resampling of a network's levels to the map of another stride."""

from functools import lru_cache

import torch
from torch import Tensor


def place_cells(level: Tensor, level_stride: int, stride: int, size_hw: tuple[int, int]) -> Tensor:
    """Resample a level to the map of another stride, bilinearly, its border repeated.

    Cell ``i`` of stride ``s`` is centred on pixel ``s·i + (s-1)/2``, in the level and in the map. According to its
    padding a network's cell would be centred on ``s·i`` or ``s·i + s-1``, but networks trained on mirrored images learn
    to be centred on the middle with any padding. ShuffleNetV2, NanoTrack's backbone (both padded at both ends) and
    EfficientNet-Lite0 (padded at the end only) respond there to a small bright spot, to a pixel.

    Args:
        level: float ``(B, C, h, w)``.
        level_stride: pixels per cell of the level.
        stride: pixels per cell of the map.
        size_hw: height and width of the map in cells.

    Returns:
        float ``(B, C, *size_hw)``.
    """
    down = _placement(level.shape[-2], level_stride, stride, size_hw[0]).to(level)
    across = _placement(level.shape[-1], level_stride, stride, size_hw[1]).to(level)
    return down @ level.contiguous() @ across.T


def recover_level(placed: Tensor, level_stride: int, stride: int) -> Tensor:
    """Recover the level ``(B, C, h, w)`` that ``place_cells`` resampled to a finer map ``(B, C, H, W)``."""
    down, across = (_recovery(length, level_stride, stride).to(placed) for length in placed.shape[-2:])
    return down @ placed @ across.T


@lru_cache(maxsize=64)
def _recovery(length: int, level_stride: int, stride: int) -> Tensor:
    placement = _placement(length * stride // level_stride, level_stride, stride, length)
    return torch.linalg.pinv(placement.double()).float()


@lru_cache(maxsize=64)
def _placement(cells: int, level_stride: int, stride: int, length: int) -> Tensor:
    """Compute the bilinear weights ``(length, cells)`` of a level's cells for the cells of a map along one axis."""
    pixel = stride * torch.arange(length, dtype=torch.float64) + (stride - 1) / 2
    place = ((pixel - (level_stride - 1) / 2) / level_stride).clamp(0, cells - 1)
    return (1 - (place[:, None] - torch.arange(cells)).abs()).clamp_min(0).float()
