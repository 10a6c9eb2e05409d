"""How far a mean over sequences can be trusted: intervals by the bootstrap, and by Student's t for few sequences."""

import math

import numpy as np
from numpy.typing import ArrayLike

from data.boxes import Floats

RESAMPLES = 2000
LEVEL = 0.95

FEW = 20
"""With fewer sequences the bootstrap's intervals are too narrow: see docs/metrics.md."""


def bootstrap(values: ArrayLike, weights: ArrayLike | None = None, seed: int = 0) -> Floats:
    """Compute the 95 % interval of a mean over sequences by drawing the sequences with replacement.

    The draws depend on the seed and the number of sequences only, so that trackers scored on the same sequences
    are compared on the same draws. To compare two trackers pass the differences of their values: the difficulty of a
    sequence cancels out, and the interval is narrower than the trackers' own intervals suggest.

    Args:
        values: ``(…, S)``, a row for each mean; NaN for a missing sequence.
        weights: weights of the sequences, shaped as ``values`` or ``(S,)``: their frames if every frame counts the
            same. By default every sequence counts the same.
        seed: seed of the draws.

    Returns:
        ``(…, 2)``, the lower and upper end; NaN if fewer than two sequences have a value.
    """
    values = np.asarray(values, dtype=np.float64)
    present = np.isfinite(values)
    weight = present * (1.0 if weights is None else np.asarray(weights, dtype=np.float64))
    count = values.shape[-1]
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    drawn = draws.T.astype(np.float64)  # times each sequence was drawn; integers would bypass BLAS
    with np.errstate(invalid="ignore"):  # a draw of nothing but missing sequences has no mean
        means = (np.where(present, values, 0) * weight) @ drawn / (weight @ drawn)
    enough = present.sum(axis=-1, keepdims=True) > 1
    means = np.where(enough, means, 0)
    quantile = np.quantile if np.isfinite(means).all() else np.nanquantile  # which takes three times as long
    ends = quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=-1)
    return np.where(enough, np.moveaxis(ends, 0, -1), np.nan)


def student(values: ArrayLike) -> Floats:
    """The 95 % interval of a mean over sequences by Student's t: right for few of them, where they are about normal.

    Args:
        values: ``(…, S)``, a row for each mean; NaN for a sequence that is missing there.

    Returns:
        ``(…, 2)``, the lower and upper end; NaN where fewer than two sequences have a value.
    """
    values = np.asarray(values, dtype=np.float64)
    count = np.isfinite(values).sum(axis=-1)
    safe = np.maximum(count, 2)
    mean = np.nansum(values, axis=-1) / np.maximum(count, 1)
    squares = np.nansum((values - mean[..., None]) ** 2, axis=-1)
    t = np.vectorize(t_quantile, otypes=[np.float64])(safe - 1)
    half = np.where(count > 1, t * np.sqrt(squares / (safe - 1) / safe), np.nan)
    return np.stack([mean - half, mean + half], axis=-1)


def t_quantile(degrees: int) -> float:
    """The deviation that Student's t of so many degrees of freedom exceeds, up or down, in 5 of 100 cases.

    By bisection of its distribution, which is a finite sum (Abramowitz and Stegun, 26.7.3 and 26.7.4).
    """
    low, high = 0.0, math.pi / 2
    while high - low > 1e-13:
        angle = (low + high) / 2
        inside = 2 * angle / math.pi if degrees % 2 else 0.0
        term = math.sin(angle) * (2 / math.pi * math.cos(angle) if degrees % 2 else 1.0)
        for power in range(2 + degrees % 2, degrees + 1, 2):
            inside += term
            term *= math.cos(angle) ** 2 * (power - 1) / power
        low, high = (angle, high) if inside < LEVEL else (low, angle)
    return math.tan(low) * math.sqrt(degrees)
