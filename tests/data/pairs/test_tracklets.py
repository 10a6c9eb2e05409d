"""Crops of tracklets: boxes and sizes."""

import cv2
import numpy as np
import pytest

from data.pairs.settings import TrackletSettings
from data.pairs.tracklets import TrackletFrames, crop_tracklet
from tests.material.clips import bright_box, make_clip

SETTINGS = TrackletSettings(context=5.0, frames_per_clip=4, target_size=24)


@pytest.mark.parametrize("bbox", [[60, 50, 30, 24], [0, 0, 20, 30], [150, 90, 40, 60], [70, 60, 3, 3]])
def test_boxes_are_where_the_targets_are(tmp_path, bbox):
    clip = make_clip(tmp_path / "clip", [bbox], suffix=".jpg")
    tracklet = crop_tracklet(TrackletFrames.of(clip, 4), SETTINGS)
    image = cv2.imdecode(np.frombuffer(tracklet.images[0], np.uint8), cv2.IMREAD_COLOR)
    x, y, w, h = tracklet.bboxes[0]
    assert np.sqrt(w * h) <= 24.5
    seen = np.array([x, y, min(x + w, image.shape[1]) - x, min(y + h, image.shape[0]) - y])
    assert bright_box(image) == pytest.approx(seen, abs=0.5)


def test_a_large_target_is_shrunk_and_a_small_one_kept(tmp_path):
    sizes = []
    for name, size in (("large", 200), ("small", 10)):
        clip = make_clip(tmp_path / name, [[400, 400, size, size]], (1000, 1000), ".jpg")
        tracklet = crop_tracklet(TrackletFrames.of(clip, 4), SETTINGS)
        shape = cv2.imdecode(np.frombuffer(tracklet.images[0], np.uint8), cv2.IMREAD_COLOR).shape
        sizes.append((tracklet.bboxes[0, 2], shape[0]))
    assert sizes[0] == (pytest.approx(24, abs=0.3), pytest.approx(120, abs=2))
    assert sizes[1] == (10, pytest.approx(50, abs=2))


@pytest.mark.parametrize(
    "settings", [{"frames_per_clip": 0}, {"context": 0.5}, {"target_size": 0}, {"quality": 101}]
)
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        TrackletSettings(**settings)
