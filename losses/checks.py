"""Checks of hyper-parameters. Each error says what is allowed and what was given."""

import math
from collections.abc import Sequence
from typing import SupportsFloat

import torch
from torch import Tensor


def choice(name: str, value: str, choices: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``choices``.

    >>> choice("importance", "log", ("none", "exp"))
    Traceback (most recent call last):
    ValueError: importance must be one of 'none', 'exp', got 'log'
    """
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return value


def number(
    name: str,
    value: SupportsFloat,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    at_most: float = math.inf,
    below: float = math.inf,
) -> float:
    """Return ``value`` as a float if it is finite and inside the given bounds.

    >>> number("epsilon", 1.5, at_least=0, below=1)
    Traceback (most recent call last):
    ValueError: epsilon must be a finite number >= 0 and < 1, got 1.5
    """
    is_number = isinstance(value, SupportsFloat) and not isinstance(value, bool)
    as_float = float(value) if is_number else math.nan
    if math.isfinite(as_float) and above < as_float < below and at_least <= as_float <= at_most:
        return as_float
    bounds = [(">", above), (">=", at_least), ("<=", at_most), ("<", below)]
    allowed = " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if math.isfinite(bound))
    raise ValueError(f"{name} must be a finite number{' ' if allowed else ''}{allowed}, got {value!r}")


def whole_number(name: str, value: int, *, at_least: int) -> int:
    """Return ``value`` if it is an ``int`` of at least ``at_least``."""
    if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
        raise ValueError(f"{name} must be a whole number >= {at_least}, got {value!r}")
    return value


def class_counts(counts: Sequence[int] | Tensor) -> Tensor:
    """Return the counts as an int64 tensor ``(K,)``, which ``module.half()`` leaves exact.

    Raises:
        ValueError: a count is not a whole number of at least 1, or there are fewer than two classes.
    """
    given = torch.as_tensor(counts, dtype=torch.float64).flatten()
    if given.numel() < 2 or not bool(((given >= 1) & (given == given.floor()) & given.isfinite()).all()):
        raise ValueError(
            f"counts must hold at least 2 whole numbers >= 1, one for each class, got {counts}: "
            "add 1 to every count where some class was never seen"
        )
    return given.long()
