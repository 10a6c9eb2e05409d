"""Areas and intersections over union of convex polygons, many at once."""

import numpy as np

from data.boxes import Floats

_TOGETHER = 512  # polygons at once: each cut doubles the number of points, and more outgrow the cache


def corners_of(regions: Floats) -> Floats:
    """Return corners ``(N, 4, 2)`` of upright boxes ``(N, 4)`` x, y, w, h, or of rows ``(N, 8)`` of four corners."""
    if regions.shape[1] == 8:
        return regions.reshape(-1, 4, 2)
    x, y, w, h = regions.T
    return np.stack([x, y, x + w, y, x + w, y + h, x, y + h], axis=1).reshape(-1, 4, 2)


def polygon_iou(first: Floats, second: Floats, frame_wh: tuple[int, int] | None = None) -> Floats:
    """Compute intersection over union ``(N,)`` in [0, 1] of pairs of regions; NaN if one is NaN or both are empty.

    Args:
        first: boxes ``(N, 4)`` or corners ``(N, 8)`` of convex quadrilaterals, 0-based.
        second: the same, as many.
        frame_wh: width and height of the frame, to which both regions are cut: as in VOT's toolkit, to
            [-1, width - 1] in 0-based numbers. None: they are not cut.
    """
    found = [
        _iou(first[start : start + _TOGETHER], second[start : start + _TOGETHER], frame_wh)
        for start in range(0, len(first), _TOGETHER)
    ]
    return np.concatenate([*found, np.empty(0)])


def _iou(first: Floats, second: Floats, frame_wh: tuple[int, int] | None) -> Floats:
    one, other = corners_of(first), corners_of(second)
    common = _cut(one, other)
    if frame_wh is not None:
        x, y = np.subtract(frame_wh, 1.0)
        frame = np.broadcast_to(np.array([[-1, -1], [x, -1], [x, y], [-1, y]], float), one.shape)
        one, other, common = (_cut(polygon, frame) for polygon in (one, other, common))
    overlap = area(common)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(overlap / (area(one) + area(other) - overlap), 0, 1)


def area(polygons: Floats) -> Floats:
    """Compute areas ``(N,)`` of polygons ``(N, V, 2)`` with corners in either direction."""
    return np.abs(_signed_area(polygons))


def _signed_area(polygons: Floats) -> Floats:
    x, y = np.moveaxis(polygons - polygons[:, :1], -1, 0)  # moved near 0, where rounding loses least
    return 0.5 * (x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y).sum(axis=1)


def _cut(polygons: Floats, by: Floats) -> Floats:
    """Cut polygons ``(N, V, 2)`` to convex ones ``(N, 4, 2)``; the result has 16 V corners, some of them equal."""
    direction = np.where(_signed_area(by) < 0, -1.0, 1.0)
    for corner in range(4):
        start, side = by[:, corner], by[:, (corner + 1) % 4] - by[:, corner]
        normal = np.stack([-side[:, 1], side[:, 0]], axis=1) * direction[:, None]
        polygons = _keep_inside(polygons, start, normal)
    return polygons


def _keep_inside(polygons: Floats, start: Floats, normal: Floats) -> Floats:
    """Cut each polygon by a line through ``start`` and keep the part on the side of ``normal``.

    Corners outside are projected onto the line. A side that crosses the line gets a corner there; any other side
    repeats its first corner. The boundary may run to and fro along the line, which adds nothing to the area.
    """
    depth = ((polygons - start[:, None]) * normal[:, None]).sum(axis=2)
    length = (normal**2).sum(axis=1)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        outside = np.where(length > 0, np.minimum(depth, 0) / length, 0.0)
        kept = polygons - outside[..., None] * normal[:, None]
        following, depth_there = np.roll(polygons, -1, axis=1), np.roll(depth, -1, axis=1)
        crosses = depth * depth_there < 0
        share = np.where(crosses, depth / (depth - depth_there), 0.0)[..., None]
    crossing = np.where(crosses[..., None], polygons + share * (following - polygons), kept)
    return np.stack([kept, crossing], axis=2).reshape(len(polygons), -1, 2)
