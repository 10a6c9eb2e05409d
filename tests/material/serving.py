"""A source of the live page whose target is where it is said to be, and quick trackers for it."""

import numpy as np

from data.video import VideoWriter
from tracker import load_tracker

BUILDERS = {name: lambda name=name: load_tracker(name) for name in ("gray", "identity")}
BOX = [20, 40, 24, 24]
"""The target in the first frame; it moves to the right by 3 pixels a frame."""


def moving(count=12, size_wh=(160, 120)):
    """A patterned square of 24 pixels that moves by 3 pixels a frame, from (20, 40) on."""
    pattern = np.random.default_rng(3).integers(0, 256, (6, 6, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    frames = np.full((count, size_wh[1], size_wh[0], 3), 90, np.uint8)
    for number, frame in enumerate(frames):
        frame[40:64, 20 + 3 * number : 44 + 3 * number] = pattern
    return frames


def write_moving(path):
    """Write `moving` as a video; returns the path."""
    with VideoWriter(path, 20) as video:
        for frame in moving():
            video.write(frame)
    return path
