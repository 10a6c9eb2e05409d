"""Gaussian soft labels, the regression target of response maps."""

import math

import torch
from torch import Tensor


def gaussian_label(
    size_hw: tuple[int, int],
    sigma: float | tuple[float, float],
    offset: tuple[float, float] = (0.0, 0.0),
    *,
    device: torch.device | str | None = None,
) -> Tensor:
    """Make the Gaussian label ``exp(-(dy²/σy² + dx²/σx²)/2)`` of a target, float32 ``(h, w)`` in [0, 1].

    Zero displacement is at index ``(h//2, w//2)``. The peak is exactly 1 if the target's centre is that of a cell.

    Args:
        size_hw: height and width of the map in cells.
        sigma: standard deviation in cells, one number or ``(sigma_y, sigma_x)``.
        offset: displacement ``(dy, dx)`` of the target from the centre cell, in cells, fractions allowed.
        device: device of the map.

    Raises:
        ValueError: a sigma that is not positive and finite, or an empty map.
    """
    height, width = size_hw
    sigma_y, sigma_x = sigma if isinstance(sigma, tuple) else (sigma, sigma)
    if height < 1 or width < 1:
        raise ValueError(f"size_hw must be at least (1, 1), got {size_hw}")
    if not (sigma_y > 0 and sigma_x > 0 and math.isfinite(sigma_y) and math.isfinite(sigma_x)):
        raise ValueError(f"sigma must be positive and finite (cells), got {sigma}")
    rows = torch.arange(height, device=device, dtype=torch.float32) - (height // 2 + offset[0])
    columns = torch.arange(width, device=device, dtype=torch.float32) - (width // 2 + offset[1])
    return torch.outer(torch.exp(-0.5 * (rows / sigma_y) ** 2), torch.exp(-0.5 * (columns / sigma_x) ** 2))


def gaussian_labels(bboxes: Tensor, sigma: Tensor, size_hw: tuple[int, int], stride: int) -> Tensor:
    """Make the Gaussian labels of a batch of targets, float32 ``(B, 1, h, w)`` in [0, 1]; see ``gaussian_label``.

    Args:
        bboxes: float ``(B, 4)``, x, y, w, h in pixels of crops of ``h·stride`` by ``w·stride`` pixels, 0-based. A
            target in the middle of its crop has zero displacement.
        sigma: float ``(B,)``, standard deviations in cells, > 0.
        size_hw: height and width of the maps in cells.
        stride: pixels per cell.
    """
    height, width = size_hw
    centers = tensor_center(bboxes)
    x, y = (centers / stride - centers.new_tensor([width - 1 / stride, height - 1 / stride]) / 2).unbind(1)
    rows = torch.arange(height, device=bboxes.device) - height // 2 - y[:, None]
    columns = torch.arange(width, device=bboxes.device) - width // 2 - x[:, None]
    scale = -0.5 / sigma.square()[:, None]
    return ((scale * rows.square()).exp()[:, :, None] * (scale * columns.square()).exp()[:, None, :])[:, None]


def tensor_center(bboxes: Tensor) -> Tensor:
    """Compute centres ``(…, 2)`` of boxes ``(…, 4)`` by the rule of ``data/boxes.py``, differentiable."""
    return bboxes[..., :2] + (bboxes[..., 2:] - 1) / 2
