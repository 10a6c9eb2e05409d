"""Pictures of tracking: boxes on frames, responses over frames."""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.boxes import Floats, Image
from data.crop import SearchRegion, paste
from experiments.drawing.palette import GREEN, VERMILION, WHITE, Colour, colours
from tracker import TrackOutput

_SMALL = (cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)  # font, size, thickness


def draw_bbox(image: Image, bbox: ArrayLike, colour: Colour, dashed: bool = False) -> None:
    """Draw the outline of ``bbox`` (0-based x, y, w, h) into ``image``; nothing for a box with NaN."""
    x, y, w, h = np.asarray(bbox, dtype=np.float64)
    if not np.isfinite([x, y, w, h]).all():
        return
    left, top, right, bottom = (round(value) for value in (x, y, x + w - 1, y + h - 1))
    thickness = max(1, round(min(image.shape[:2]) / 240))
    if not dashed:
        cv2.rectangle(image, (left, top), (right, bottom), colour, thickness, cv2.LINE_AA)
        return
    for start in range(left, right, 12):
        for row in (top, bottom):
            cv2.line(image, (start, row), (min(start + 6, right), row), colour, thickness)
    for start in range(top, bottom, 12):
        for column in (left, right):
            cv2.line(image, (column, start), (column, min(start + 6, bottom)), colour, thickness)


def draw_text(image: Image, text: str, line: int, colour: Colour = WHITE) -> None:
    """Write ``text`` into the upper left corner, on a dark shadow, as line number ``line``."""
    size = max(0.4, min(image.shape[:2]) / 600)
    left, bottom = round(12 * size), round((line + 1) * 30 * size)
    thickness = max(1, round(size))
    # The shadow is the same strokes one pixel aside: OpenCV 5 sets thicker ones wider.
    for place, ink in (((left + 1, bottom + 1), (0, 0, 0)), ((left, bottom), colour)):
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, ink, thickness, cv2.LINE_AA)


def annotate(image: Image, frame: int, output: TrackOutput) -> Image:
    """A copy of ``image`` with the tracker's box, the frame's number and how sure the tracker is."""
    picture = image.copy()
    draw_bbox(picture, output.bbox, VERMILION if output.lost else GREEN)
    draw_text(picture, f"frame {frame}", 0)
    if np.isfinite(output.psr):
        draw_text(picture, f"score {output.score:.2f}  PSR {output.psr:.1f}", 1)
    if output.lost:
        draw_text(picture, "lost", 2, VERMILION)
    return picture


def overlay_response(image: Image, frame: int, output: TrackOutput) -> Image:
    """A copy of ``image`` under the response map, dark for 0 and red for its peak, where the map lies."""
    picture = image.copy()
    if output.response is not None and output.response_bbox is not None:
        paste(picture, colour_response(output), _nearest_region(output.response_bbox), alpha=0.5)
    draw_bbox(picture, output.bbox, WHITE)
    draw_text(picture, f"frame {frame}", 0)
    return picture


def colour_response(output: TrackOutput) -> Image:
    """The response map as an image ``(h, w, 3)``, one pixel a cell: negative and 0 are dark, its peak is bright."""
    assert output.response is not None
    return colour_map(output.response[0, 0].float().cpu().numpy())


def colour_map(values: NDArray[np.float32]) -> Image:
    """A map ``(h, w)`` as an image ``(h, w, 3)``: negative and 0 are dark, its peak is bright."""
    levels = np.clip(values / max(float(values.max()), 1e-6), 0, 1)
    coloured = cv2.applyColorMap((255 * levels).astype(np.uint8), cv2.COLORMAP_TURBO)
    return cv2.cvtColor(coloured, cv2.COLOR_BGR2RGB)


def _nearest_region(bbox: Floats) -> SearchRegion:
    x, y, side, _ = (round(float(value)) for value in bbox)
    return SearchRegion(x, y, max(side, 1), max(side, 1))


def compare(image: Image, frame: int, truth: ArrayLike, bboxes: Mapping[str, Floats]) -> Image:
    """A copy of ``image`` with several trackers' boxes, the true one dashed, above a strip that names them.

    Args:
        image: uint8 ``(H, W, 3)`` RGB.
        frame: its number.
        truth: 0-based box ``(x, y, w, h)``; NaN where the target is absent.
        bboxes: name -> 0-based box; the first lies on top.

    Returns:
        uint8 ``(H + strip, W, 3)``.
    """
    picture = image.copy()
    chosen = colours(bboxes)
    for name in reversed(list(bboxes)):
        draw_bbox(picture, bboxes[name], chosen[name])
    draw_bbox(picture, truth, WHITE, dashed=True)
    return np.concatenate([picture, _legend(image.shape[1], frame, chosen)])


def _legend(width: int, frame: int, names: Mapping[str, Colour]) -> Image:
    """A dark strip ``(24, width, 3)``: each name after a line in its colour, the truth's dashed."""
    strip = np.full((24, width, 3), 32, np.uint8)
    left = 8
    for name, colour in {"truth": WHITE, **names}.items():
        cv2.line(strip, (left, 12), (left + 20, 12), colour, 2)
        if name == "truth":
            strip[:, left + 8 : left + 13] = 32
        left = _write(strip, name, left + 28) + 16
    text = f"frame {frame}"
    _write(strip, text, width - 8 - cv2.getTextSize(text, *_SMALL)[0][0])
    return strip


def _write(strip: Image, text: str, left: int) -> int:
    """Write into the strip from column ``left`` on; return the column where the text ends."""
    font, size, thickness = _SMALL
    cv2.putText(strip, text, (left, 16), font, size, WHITE, thickness, cv2.LINE_AA)
    return left + int(cv2.getTextSize(text, *_SMALL)[0][0])
