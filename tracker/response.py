"""The peak of a response map: its position, its height, and its ratio to the sidelobe."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    """Find the peak of a centred response map to a fraction of a cell.

    The fraction, at most half a cell, comes from parabolas in x and in y through the highest cell and its neighbours.
    The map is circular: a border cell has a neighbour at the other side.

    Args:
        response: float ``(h, w)``, zero displacement at ``(h//2, w//2)``.
    """
    height, width = response.shape
    row, column = divmod(int(response.argmax()), width)
    top = float(response[row, column])
    if top == response.min():  # a flat map: do not move
        return Peak(np.zeros(2), top)
    # Numbers of Python, not arrays of three: a tenth of the time.
    across = float(response[row, column - 1]), top, float(response[row, (column + 1) % width])
    down = float(response[row - 1, column]), top, float(response[(row + 1) % height, column])
    x, y = column - width // 2 + parabola_vertex(*across), row - height // 2 + parabola_vertex(*down)
    return Peak(np.array([x, y]), top)


def parabola_vertex(left: float, middle: float, right: float) -> float:
    """Compute the vertex, clipped to [-0.5, 0.5], of a parabola through values at -1, 0 and 1; 0 for a minimum."""
    curvature = left - 2 * middle + right
    if curvature >= 0:
        return 0.0
    return min(max(0.5 * (left - right) / curvature, -0.5), 0.5)


def psr(response: Map) -> float:
    """Compute the peak-to-sidelobe ratio: the peak less the sidelobe's mean, over the sidelobe's deviation.

    Bolme et al., CVPR 2010, section 3.5: the sidelobe is the map without the 11x11 cells around the peak.

    Args:
        response: float ``(h, w)``.

    Returns:
        The ratio, 0 or more; 0 for a flat map or one without a sidelobe.
    """
    row, column = divmod(int(response.argmax()), response.shape[1])
    below = response.astype(np.float64)
    below -= below[row, column]
    around = below[max(row - 5, 0) : row + 6, max(column - 5, 0) : column + 6]
    count = max(below.size - around.size, 1)
    mean = float(below.sum() - around.sum()) / count
    below -= mean
    around[:] = 0
    spread = math.sqrt(np.vdot(below, below) / count)
    return -mean / spread if spread > 0 else 0.0
