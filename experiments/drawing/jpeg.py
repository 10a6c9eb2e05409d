"""Pictures as JPEG, for pages and files."""

import cv2

from data.boxes import Image


def encode_jpeg(image: Image, quality: int, longest: int | None = None) -> bytes:
    """Encode an RGB image as JPEG of a quality of 1 to 100, its longer side at most ``longest`` pixels."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    scale = 1 if longest is None else longest / max(image.shape[:2])
    if scale < 1:
        size = [max(round(side * scale), 1) for side in (image.shape[1], image.shape[0])]
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
