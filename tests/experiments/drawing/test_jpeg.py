"""Pictures for pages."""

import cv2
import numpy as np

from experiments.drawing.jpeg import encode_jpeg


def test_a_jpeg_is_no_longer_than_asked_for():
    image = np.zeros((300, 600, 3), np.uint8)
    image[..., 0] = 200
    for longest, shape in ((200, (100, 200, 3)), (None, (300, 600, 3)), (900, (300, 600, 3))):
        decoded = cv2.imdecode(np.frombuffer(encode_jpeg(image, 85, longest), np.uint8), cv2.IMREAD_COLOR)
        assert decoded.shape == shape
        assert decoded[50, 100, 2] > 190  # red stays red


def test_a_line_of_pixels_keeps_one():
    encoded = encode_jpeg(np.zeros((1, 900, 3), np.uint8), 85, longest=100)
    assert cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR).shape == (1, 100, 3)
