"""Two tracks with everything that a format may stumble over: a late start, absence, lost frames, wild names."""

import numpy as np

from data.track_result import TrackResult

HOSTILE = '../"><script>alert(1)</script>, =1+1'


def make_tracks(*, images=False, fps=20.0):
    """``car`` over frames 0…9, absent in 4, lost in 6 and 7; another from frame 3 on, without frame 5, no score."""
    generator = np.random.default_rng(7)
    boxes = np.round(generator.uniform(5, 60, (10, 4)), 3)
    boxes[4] = np.nan
    lost = np.isin(np.arange(10), (6, 7))
    shared = {"source": "street.mp4", "frame_wh": (160, 120), "frame_count": 12, "fps": fps}
    rows = np.array([3, 4, 6, 7])

    def names(frames):
        return [f"{frame:04d}.jpg" for frame in frames] if images else None

    return [
        TrackResult("car", range(10), boxes, np.linspace(0.1, 1, 10).round(3), lost, label="vehicle",
                    image_names=names(range(10)), **shared),
        TrackResult(HOSTILE, rows, boxes[[0, 1, 2, 3]] / 2, label="person", image_names=names(rows), **shared),
    ]  # fmt: skip
