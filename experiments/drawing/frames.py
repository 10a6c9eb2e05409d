"""Pictures of tracking: boxes on frames, responses over frames."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.boxes import Floats, Image
from data.crop import SearchRegion, paste
from data.images import LUMA
from experiments.drawing.palette import BLACK, GREEN, VERMILION, WHITE, Colour
from tracker import TrackOutput


def draw_bbox(image: Image, bbox: ArrayLike, colour: Colour, dashed: bool = False) -> None:
    """Draw the outline of ``bbox`` (0-based x, y, w, h) into ``image``, edged in black; nothing for one with NaN."""
    x, y, w, h = np.asarray(bbox, dtype=np.float64)
    if not np.isfinite([x, y, w, h]).all():
        return
    left, top, right, bottom = (round(value) for value in (x, y, x + w - 1, y + h - 1))
    thickness = max(1, round(min(image.shape[:2]) / 240))
    for ink, width in (
        (BLACK, thickness + 2),
        (colour, thickness),
    ):  # the edge shows a line on any background
        if not dashed:
            cv2.rectangle(image, (left, top), (right, bottom), ink, width, cv2.LINE_AA)
            continue
        for start in range(left, right, 12):
            for row in (top, bottom):
                cv2.line(image, (start, row), (min(start + 6, right), row), ink, width)
        for start in range(top, bottom, 12):
            for column in (left, right):
                cv2.line(image, (column, start), (column, min(start + 6, bottom)), ink, width)


def draw_names(image: Image, bboxes: Mapping[str, ArrayLike], chosen: Mapping[str, Colour]) -> None:
    """Write the names of boxes on plates of their colours: above them, else below, none over another.

    Args:
        image: uint8 ``(H, W, 3)`` RGB, changed.
        bboxes: what is written -> 0-based box; nothing for a box with NaN.
        chosen: what is written -> colour.
    """
    size = max(0.35, min(image.shape[:2]) / 900)
    taken: list[tuple[int, int, int, int]] = []
    for name, bbox in bboxes.items():
        box = np.asarray(bbox, dtype=np.float64)
        if not np.isfinite(box).all():
            continue
        (width, height), below = cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
        left, top, right, bottom = plate = _free_plate(
            image.shape[:2], box, (width + 4, height + below + 3), taken
        )
        taken.append(plate)
        cv2.rectangle(image, (left, top), (right, bottom), chosen[name], cv2.FILLED)
        ink = BLACK if np.dot(chosen[name], LUMA) > 110 else WHITE
        place = left + 2, top + height + 2
        cv2.putText(image, name, place, cv2.FONT_HERSHEY_SIMPLEX, size, ink, 1, cv2.LINE_AA)


def _free_plate(
    shape_hw: tuple[int, ...],
    bbox: Floats,
    size_wh: tuple[int, int],
    taken: Sequence[tuple[int, int, int, int]],
) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the place nearest to a box, above first, that no other plate has."""
    x, y, _, h = bbox
    wide, tall = size_wh
    left = round(min(max(x, 0), max(shape_hw[1] - wide, 0)))
    steps = [distance * (tall + 1) for distance in range(len(taken) + 1)]
    tops = [place for by in steps for place in (round(y) - tall - 3 - by, round(y + h) + 2 + by)]
    inside = round(min(max(y, 0), shape_hw[0] - tall - 1))  # of a box as high as the frame
    plates = [(left, top, left + wide, top + tall) for top in tops if 0 <= top < shape_hw[0] - tall]
    free = (plate for plate in plates if not any(_overlap(plate, other) for other in taken))
    return next(free, (left, inside, left + wide, inside + tall))


def _overlap(plate: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    apart = plate[2] < other[0] or other[2] < plate[0] or plate[3] < other[1] or other[3] < plate[1]
    return not apart


def draw_text(image: Image, text: str, line: int, colour: Colour = WHITE) -> None:
    """Write ``text`` into the upper left corner, on a dark shadow, as line number ``line``."""
    size = max(0.4, min(image.shape[:2]) / 600)
    left, bottom = round(12 * size), round((line + 1) * 30 * size)
    thickness = max(1, round(size))
    # The shadow is the same strokes one pixel aside: OpenCV 5 sets thicker ones wider.
    for place, ink in (((left + 1, bottom + 1), (0, 0, 0)), ((left, bottom), colour)):
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, ink, thickness, cv2.LINE_AA)


def annotate(
    image: Image, frame: int, outputs: Mapping[str, TrackOutput], chosen: Mapping[str, Colour] | None = None
) -> Image:
    """A copy of ``image`` with the frame's number and every track's box.

    Args:
        image: uint8 ``(H, W, 3)`` RGB.
        frame: its number.
        outputs: name of a track -> what its tracker says.
        chosen: colour of each track, its name on a plate at its box, dashed where it is lost. Without colours there
            is one track: green or, where it is lost, vermilion, with its score and PSR in the corner.
    """
    picture = image.copy()
    draw_text(picture, f"frame {frame}", 0)
    if chosen is not None:
        for name, output in reversed(list(outputs.items())):  # the first lies on top
            draw_bbox(picture, output.bbox, chosen[name], dashed=output.lost)
        texts = {name: f"{name} lost" if output.lost else name for name, output in outputs.items()}
        bboxes = {texts[name]: output.bbox for name, output in outputs.items()}
        draw_names(picture, bboxes, {text: chosen[name] for name, text in texts.items()})
        return picture
    for output in outputs.values():
        draw_bbox(picture, output.bbox, VERMILION if output.lost else GREEN)
        if np.isfinite(output.psr):
            draw_text(picture, f"score {output.score:.2f}  PSR {output.psr:.1f}", 1)
        if output.lost:
            draw_text(picture, "lost", 2, VERMILION)
    return picture


def overlay_response(
    image: Image, frame: int, outputs: Mapping[str, TrackOutput], chosen: Mapping[str, Colour] | None = None
) -> Image:
    """A copy of ``image`` under the response maps, dark for 0 and red for the highest peak, and the scale of colours.

    Args:
        image: uint8 ``(H, W, 3)`` RGB.
        frame: its number.
        outputs: name of a track -> what its tracker says.
        chosen: colour of each track; white without.
    """
    picture = image.copy()
    maps = [
        (one.response[0, 0].float().cpu().numpy(), one.response_bbox)
        for one in outputs.values()
        if one.response is not None and one.response_bbox is not None
    ]
    top = max((float(values.max()) for values, _ in maps), default=0.0)
    for values, area in maps:
        x, y, side, _ = (round(float(value)) for value in area)
        region = SearchRegion(x, y, max(side, 1), max(side, 1))
        paste(picture, colour_map(values, top), region, alpha=0.5)
    for name, output in outputs.items():
        draw_bbox(picture, output.bbox, WHITE if chosen is None else chosen[name], dashed=output.lost)
    draw_text(picture, f"frame {frame}", 0)
    if maps:
        _draw_scale(picture, top)
    return picture


def _draw_scale(picture: Image, top: float) -> None:
    """The colours of a response map from 0 to ``top`` along the right border; a label's height, 1, is marked too."""
    height, width = picture.shape[:2]
    tall, wide = height // 2, max(6, width // 60)
    upper, left = (height - tall) // 2, width - wide - 4
    ramp = colour_map(np.linspace(top, 0, tall, dtype=np.float32)[:, None], top)
    picture[upper - 1 : upper + tall + 1, left - 1 : left + wide + 1] = 0
    picture[upper : upper + tall, left : left + wide] = ramp
    size = max(0.35, min(height, width) / 900)
    marks = [0.0, 1.0, top] if top > 1.1 else [0.0, top]
    for value in marks:
        text = f"{value:.2f}" if value not in (0, 1) else f"{value:.0f}"
        (across, up), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
        row = upper + round((1 - value / max(top, 1e-6)) * tall) + up // 2
        for ink, thickness in ((BLACK, 3), (WHITE, 1)):
            place = left - across - 4, row
            cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, ink, thickness, cv2.LINE_AA)


def colour_map(values: NDArray[np.float32], top: float | None = None) -> Image:
    """A map ``(h, w)`` as an image ``(h, w, 3)``: negative and 0 are dark, ``top``, else its peak, is bright."""
    levels = np.clip(values / max(float(values.max()) if top is None else top, 1e-6), 0, 1)
    coloured = cv2.applyColorMap((255 * levels).astype(np.uint8), cv2.COLORMAP_TURBO)
    return cv2.cvtColor(coloured, cv2.COLOR_BGR2RGB)
