"""Range checks of settings. Each returns the value, or raises ``ValueError`` with name, range and value.

NaN is outside every range.
"""

from collections.abc import Collection
from numbers import Integral


def above(name: str, value: float, bound: float) -> float:
    """Return ``value`` if it is greater than ``bound``."""
    if not value > bound:
        raise ValueError(f"{name} must be > {bound}, got {value}")
    return value


def positive(name: str, value: float) -> float:
    """Return ``value`` if it is greater than 0."""
    return above(name, value, 0)


def not_negative(name: str, value: float) -> float:
    """Return ``value`` if it is 0 or greater."""
    if not value >= 0:
        raise ValueError(f"{name} must be >= 0, got {value}")
    return value


def share(name: str, value: float) -> float:
    """Return ``value`` if it lies in [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value}")
    return value


def whole(name: str, value: int, least: int) -> int:
    """Return ``value`` if it is a whole number and at least ``least``."""
    if not isinstance(value, Integral):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return value


def odd(name: str, value: int) -> int:
    """Return ``value`` if it is an odd number and at least 1."""
    if whole(name, value, 1) % 2 == 0:
        raise ValueError(f"{name} must be odd, got {value}")
    return value


def one_of(name: str, value: str, choices: Collection[str]) -> str:
    """Return ``value`` if it is one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
    return value
