"""Frames as the page gets them."""

import cv2
import numpy as np

from experiments.serve.frames import encode_jpeg


def test_pictures_for_the_page_are_jpegs_of_at_most_a_size():
    image = np.zeros((300, 600, 3), np.uint8)
    image[..., 0] = 200
    decoded = cv2.imdecode(np.frombuffer(encode_jpeg(image, 200), np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (100, 200, 3)
    assert decoded[50, 100, 2] > 190  # red stays red
