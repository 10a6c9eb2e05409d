"""Frames as the page gets them."""

import cv2
import numpy as np

from data.boxes import Image


def encode_jpeg(image: Image, longest: int) -> bytes:
    """Encode a frame as JPEG for the page, its longer side at most ``longest`` pixels."""
    scale = longest / max(image.shape[:2])
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    if scale < 1:
        size = [max(1, round(side * scale)) for side in (image.shape[1], image.shape[0])]
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    return bytes(np.ravel(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]))
