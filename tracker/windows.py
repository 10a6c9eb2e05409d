"""Windows that fade a map out towards its border."""

import torch
from torch import Tensor


def hann2d(height: int, width: int) -> Tensor:
    """2-D Hann window, float32 ``(height, width)`` in (0, 1], symmetric about the geometric centre.

    In each direction it is ``sin²(π (i + 1) / (n + 1))``: the usual Hann window without its two zeros, so that
    every cell keeps some weight.
    """
    rows, columns = (torch.hann_window(n + 2, periodic=False)[1:-1] for n in (height, width))
    return torch.outer(rows, columns)
