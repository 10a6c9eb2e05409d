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
