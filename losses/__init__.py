"""Imbalance-aware losses for response maps, found by name.

>>> import torch
>>> from losses import build_loss
>>> criterion = build_loss("shrinkage", a=10.0, c=0.2)
>>> criterion(torch.zeros(1, 1, 5, 5), torch.zeros(1, 1, 5, 5))
tensor(0.)
"""

from losses.base import Loss, ModulatedLoss
from losses.counts import count_labels
from losses.registry import build_loss, build_map_loss, list_losses, register_loss

__all__ = [
    "Loss",
    "ModulatedLoss",
    "build_loss",
    "build_map_loss",
    "count_labels",
    "list_losses",
    "register_loss",
]
