"""The peak of a response map: its position, its height, and its ratio to the sidelobe."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.boxes import Floats

Map = NDArray[np.float32]

SCORE_RATE = 0.05
"""Rate of the running mean of the peak's height, with which gates compare a frame's peak. The mean follows lasting
changes, so that no gate stays shut."""


@dataclass(frozen=True)
class Peak:
    """The highest point of a response map.

    Attributes:
        displacement: float64 ``(2,)``, ``(dx, dy)`` of the peak from the centre cell, in cells.
        score: height of the peak's cell.
    """

    displacement: Floats
    score: float


def find_peak(response: Map) -> Peak:
    """Find the peak of one map ``(h, w)``; see ``find_peaks``."""
    return find_peaks(response[None])[0]


def find_peaks(responses: Map) -> list[Peak]:
    """Find the peak of each map, to a fraction of a cell.

    The fraction, at most half a cell, comes from parabolas in x and in y through the highest cell and its neighbours.
    The map is circular: a border cell has a neighbour at the other side.

    Args:
        responses: float ``(B, h, w)``, zero displacement at ``(h//2, w//2)``.
    """
    (height, width), each = responses.shape[1:], np.arange(len(responses))
    cells = responses.reshape(len(responses), -1)
    index = cells.argmax(1)
    row, column = index // width, index % width
    top = cells[each, index]
    across = (responses[each, row, (column + step) % width] for step in (-1, 0, 1))
    down = (responses[each, (row + step) % height, column] for step in (-1, 0, 1))
    places = np.stack(
        [column - width // 2 + parabola_vertex(*across), row - height // 2 + parabola_vertex(*down)], axis=1
    )
    places[top == cells.min(1)] = 0  # a flat map: do not move
    return [Peak(place, score) for place, score in zip(places, top.tolist(), strict=True)]


def parabola_vertex(left: ArrayLike, middle: ArrayLike, right: ArrayLike) -> Floats:
    """Compute the vertex, clipped to [-0.5, 0.5], of parabolas through values at -1, 0 and 1; 0 for a minimum."""
    before, at, after = (np.asarray(values, np.float64) for values in (left, middle, right))
    curvature = np.minimum(before - 2 * at + after, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = (0.5 * (before - after) / curvature).clip(-0.5, 0.5)
    return np.where(curvature < 0, vertex, 0.0)


def psr(response: Map) -> float:
    """Compute the peak-to-sidelobe ratio of one map ``(h, w)``; see ``psrs``."""
    return psrs(response[None])[0]


def psrs(responses: Map) -> list[float]:
    """Compute the peak-to-sidelobe ratio of each map: the peak less the sidelobe's mean, over the sidelobe's deviation.

    Bolme et al., CVPR 2010, section 3.5: the sidelobe is the map without the 11x11 cells around the peak.

    Args:
        responses: float ``(B, h, w)``.

    Returns:
        The ratios, 0 or more; 0 for a flat map or one without a sidelobe.
    """
    height, width = responses.shape[1:]
    below = responses.reshape(len(responses), -1).astype(np.float64)
    index = below.argmax(1)
    below -= below.max(1, keepdims=True)
    far_down = np.abs(np.arange(height) - (index // width)[:, None]) > 5
    far_across = np.abs(np.arange(width) - (index % width)[:, None]) > 5
    sidelobe = (far_down[:, :, None] | far_across[:, None, :]).reshape(below.shape)
    count = np.maximum(sidelobe.sum(1), 1)
    mean = (below * sidelobe).sum(1) / count
    away = (below - mean[:, None]) * sidelobe
    spread = np.sqrt((away * away).sum(1) / count)
    return [-m / s if s > 0 else 0.0 for m, s in zip(mean.tolist(), spread.tolist(), strict=True)]
