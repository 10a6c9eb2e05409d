"""Frames with a textured target whose place and size are known, and what runs a tracker on frames."""

import numpy as np
import torch


def textured_frame(shift=(0.0, 0.0), scale=1.0, size_wh=(320, 240), target_wh=(48, 36)):
    """A textured target in the middle of a flat frame, moved and scaled exactly; returns frame and box."""
    rng = np.random.default_rng(3)
    texture = torch.from_numpy(rng.integers(0, 256, (1, 3, 9, 12))).float()
    width, height = (round(side * scale) for side in target_wh)
    patch = torch.nn.functional.interpolate(texture, size=(height, width), mode="bilinear")
    frame = np.full((size_wh[1], size_wh[0], 3), 110, dtype=np.uint8)
    x, y = (
        round((side - extent) / 2 + d)
        for side, extent, d in zip(size_wh, (width, height), shift, strict=True)
    )
    frame[y : y + height, x : x + width] = patch[0].permute(1, 2, 0).round().byte().numpy()
    return frame, np.array([x, y, width, height], dtype=float)


def run(tracker, frames, bbox):
    frames = iter(frames)
    tracker.init(next(frames), bbox)
    return [tracker.update(frame) for frame in frames]
