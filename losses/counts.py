"""Counts of classes and locations, taken from the labels of a training set."""

from collections.abc import Iterable

import torch
from torch import Tensor

from losses.base import SETTINGS
from losses.checks import choice


def count_labels(labels: Iterable[Tensor], setting: str, classes: int | None = None) -> Tensor:
    """Count how often each class occurs in the labels, as the argument ``counts`` of a loss takes it.

    - ``spatial``: how many maps have their peak at each location, row by row. A map that is 0 everywhere has
      no target and is left out; of several equal peaks the first counts.
    - ``regress`` and ``binary``: how many locations are background (label at most 0.5) and foreground.
    - ``class``: how many samples each class has.

    A class or location that never occurs counts as 1: a count of 0 would mean an infinite weight.

    Args:
        labels: batches of labels: maps ``(N, 1, H, W)`` of one size, or for ``class`` whole numbers ``(N,)``.
        setting: as of ``Loss``.
        classes: number of classes K; default: the largest class found plus 1. Only for ``class``.

    Returns:
        int64 ``(H W,)``, ``(2,)`` or ``(K,)``, each at least 1.

    Raises:
        ValueError: there are no labels, or their shapes are not those of the setting.

    Example:
        >>> count_labels([torch.tensor([0, 0, 2])], "class")
        tensor([2, 1, 1])
    """
    choice("setting", setting, SETTINGS)
    counts: Tensor | None = None
    for batch in labels:
        found = _of_classes(batch, classes) if setting == "class" else _of_maps(batch, setting)
        counts = found if counts is None else _added(counts, found, setting)
    if counts is None:
        raise ValueError("labels must hold at least one batch to count, got none")
    return counts.clamp_min(1)


def _of_classes(batch: Tensor, classes: int | None) -> Tensor:
    if batch.ndim != 1 or batch.is_floating_point():
        raise ValueError(
            f"class labels must be whole numbers (N,), got {batch.dtype} of shape {tuple(batch.shape)}"
        )
    found = batch.cpu().bincount(minlength=classes or 0)
    if classes is not None and len(found) > classes:
        raise ValueError(f"class labels must be below classes = {classes}, got {len(found) - 1}")
    return found


def _of_maps(batch: Tensor, setting: str) -> Tensor:
    if batch.ndim != 4 or batch.shape[1] != 1:
        raise ValueError(f"label maps must have the shape (N, 1, H, W), got {tuple(batch.shape)}")
    flat = batch.detach().cpu().flatten(1)
    if setting == "spatial":
        peaks = flat.argmax(1)[flat.amax(1) > 0]
        return peaks.bincount(minlength=flat.shape[1])
    foreground = int((flat > 0.5).sum())
    return torch.tensor([flat.numel() - foreground, foreground])


def _added(counts: Tensor, found: Tensor, setting: str) -> Tensor:
    if setting != "class" and len(found) != len(counts):
        raise ValueError(f"label maps must have one size, got {len(counts)} and {len(found)} locations")
    total = counts.new_zeros(max(len(counts), len(found)))
    total[: len(counts)] += counts
    total[: len(found)] += found
    return total
