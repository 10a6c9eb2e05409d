"""Levels of a network on one map, with each cell where it belongs."""

from functools import lru_cache

import torch
from torch import Tensor


def place_cells(level: Tensor, level_stride: int, stride: int, size_hw: tuple[int, int]) -> Tensor:
    """Bring a level to the map of another stride, bilinearly, its border repeated.

    Cell ``i`` of stride ``s`` stands for pixel ``s·i + (s-1)/2``, in the level as in the map. By its padding a
    network's cell would stand for ``s·i`` or ``s·i + s-1``, but networks that were trained on mirrored images learn
    to look at the middle, whatever their padding: a small bright spot is found there to a pixel by ShuffleNetV2,
    NanoTrack's backbone (both padded alike at either end) and EfficientNet-Lite0 (padded at the end only).

    Args:
        level: float ``(B, C, h, w)``.
        level_stride: pixels a cell of it.
        stride: pixels a cell of the map.
        size_hw: height and width of the map in cells.

    Returns:
        float ``(B, C, *size_hw)``.
    """
    down = _placement(level.shape[-2], level_stride, stride, size_hw[0]).to(level)
    across = _placement(level.shape[-1], level_stride, stride, size_hw[1]).to(level)
    return down @ level.contiguous() @ across.T


@lru_cache(maxsize=64)
def _placement(cells: int, level_stride: int, stride: int, length: int) -> Tensor:
    """Weights ``(length, cells)`` by which the places of a map read the cells of a level along one axis."""
    pixel = stride * torch.arange(length, dtype=torch.float64) + (stride - 1) / 2
    place = ((pixel - (level_stride - 1) / 2) / level_stride).clamp(0, cells - 1)
    return (1 - (place[:, None] - torch.arange(cells)).abs()).clamp_min(0).float()
