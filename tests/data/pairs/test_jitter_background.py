"""Targets pasted on other backgrounds."""

import cv2
import numpy as np

from data.pairs.settings import GeometricJitter
from data.pairs.sources import StillSource
from tests.material.clips import dataset

STRONG = GeometricJitter(shift=0.6, scale=0.2, aspect=0.2, flip=0.5)


def test_a_pasted_target_is_where_its_box_is(tmp_path):
    folder = tmp_path / "stills"
    folder.mkdir()
    image = np.zeros((200, 200, 3), np.uint8)
    image[80:120, 70:130] = 255
    cv2.imwrite(str(folder / "a.png"), image)
    source = StillSource(
        str(folder), np.array([b"a.png"]), np.array([[70.0, 80, 60, 40]]), background=1, jitter=STRONG
    )
    for pair in (dataset(source)[index] for index in range(10)):
        x, y, w, h = pair.search_bbox
        assert pair.search[int(np.clip(y + h / 2, 0, 127)), int(np.clip(x + w / 2, 0, 127))].min() > 250
