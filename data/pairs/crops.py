"""Rendering of training pairs: two views of a target are decoded, cropped, jittered and converted to RGB."""

from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from data.boxes import Floats, Image
from data.image_headers import image_size, jpeg_orientation
from data.images import decode_bgr, is_jpeg, jpeg_reduction
from data.pairs.blobs import Blob
from data.pairs.jitter_background import paste_target, random_window
from data.pairs.jitter_geometry import Placement, draw_placement, mirror
from data.pairs.sources import View, Views, salient_bbox

_LEAST_SHARE = 0.25  # of a box that must lie inside its image

Contents = Mapping[Blob, bytes | Exception]


class Pair(NamedTuple):
    """One training pair; boxes are x, y, w, h in crop pixels, 0-based.

    Attributes:
        template: uint8 RGB ``(S, S, 3)``, centred on the target but for rounding to whole image pixels.
        template_bbox: float32 ``(4,)``.
        search: uint8 RGB ``(S, S, 3)``.
        search_bbox: float32 ``(4,)``.
        source: Names of both images, e.g. ``Car4/0001.jpg -> Car4/0040.jpg``.
        skipped: Messages about pairs that were drawn before and could not be used.
    """

    template: Image
    template_bbox: NDArray[np.float32]
    search: Image
    search_bbox: NDArray[np.float32]
    source: str
    skipped: tuple[str, ...] = ()


class UselessBoxError(Exception):
    """Raised for a box of which less than a quarter lies inside its image."""


class _Decoded(NamedTuple):
    """A decoded image, possibly at a fraction of its size.

    Attributes:
        pixels: uint8 ``(H, W, 3)``.
        reduce: Factor by which the image in the file is wider and higher.
        is_bgr: True for BGR, False for RGB.
    """

    pixels: Image
    reduce: int
    is_bgr: bool


def blobs_of(views: Views) -> list[Blob]:
    """List the blobs of a pair's images, each once."""
    used = (views.template, views.search, views.background)
    return list(dict.fromkeys(view.image for view in used if view and isinstance(view.image, Blob)))


def render(
    views: Views, contents: Contents, rng: np.random.Generator, size: int, search_area_scale: float
) -> Pair:
    """Cut a pair of crops.

    Args:
        views: The views to crop.
        contents: The encoded image, or the error of reading it, for each of `blobs_of` the views.
        rng: Source of the jitter.
        size: Side of the crops in pixels.
        search_area_scale: Side of the crops in ``sqrt(w h)`` of the target.

    Raises:
        UselessBoxError: Three quarters of a box or more lie outside its image.
        OSError: An image could not be read.
        ValueError: An image is damaged.
    """
    jitter, still = views.jitter, views.search is views.template
    flipped, placement = rng.uniform() < jitter.flip, draw_placement(jitter, rng)
    placements = (Placement(), placement)
    boxes = [views.template.bbox, views.search.bbox]
    shrinks = [_shrink(box, at, search_area_scale, size) for box, at in zip(boxes, placements, strict=True)]
    images = [_decode(views.template, contents, min(shrinks) if still else shrinks[0], size)]
    images.append(images[0] if still else _decode(views.search, contents, shrinks[1], size))
    if boxes[0] is None:
        boxes = [images[0].reduce * salient_bbox(images[0].pixels, rng)] * 2
    crops, crop_boxes = [], []
    for view, image, box, at in zip(views[:2], images, boxes, placements, strict=True):
        assert box is not None
        box = np.asarray(box, np.float64) / image.reduce
        _check_visible(view, box, image.pixels)
        window = at.window(box, search_area_scale, size)
        crops.append(_rgb(window.cut(image.pixels), image))
        crop_boxes.append(window.to_crop(box))
    if views.background:
        crops[1] = paste_target(
            crops[1], _background(views.background, contents, rng, size), crop_boxes[1], rng
        )
    if flipped:
        crops, crop_boxes = map(list, zip(*map(mirror, crops, crop_boxes), strict=True))
    first, second = (box.astype(np.float32) for box in crop_boxes)
    return Pair(crops[0], first, crops[1], second, f"{views.template.name} -> {views.search.name}")


def _shrink(bbox: Floats | None, at: Placement, search_area_scale: float, size: int) -> float:
    """Compute the image pixels for each crop pixel, the smaller of width and height; 0 without a box."""
    if bbox is None:
        return 0.0
    return search_area_scale * float(np.sqrt(bbox[2] * bbox[3])) * min(at.stretch) / size


def _decode(view: View, contents: Contents, shrink: float, size: int) -> _Decoded:
    """Decode an image, at a fraction of its size if the crop shrinks it that much anyway."""
    if not isinstance(view.image, Blob):
        return _Decoded(view.image, 1, is_bgr=False)
    content = contents[view.image]
    if isinstance(content, Exception):
        raise OSError(f"cannot read {view.name}: {content}") from content
    if is_jpeg(content) and not shrink:  # the place is chosen later: three crops wide and high are enough
        shrink = min(image_size(content) or (0, 0)) / (3 * size)
    reduce, turn = jpeg_reduction(content, shrink), _seen_turned(view, content)
    return _Decoded(decode_bgr(content, view.image.url, reduce, turn=turn), reduce, is_bgr=True)


def _seen_turned(view: View, content: bytes) -> bool:
    """Tell from the annotated size whether the boxes are for the image as EXIF orients it, or as stored.

    Raises:
        ValueError: Neither has the annotated size, or both have it although EXIF turns or mirrors the image.
    """
    stored = image_size(content)
    if view.size_wh is None or stored is None:
        return True
    orientation = jpeg_orientation(content) if is_jpeg(content) else 1
    shown = stored[::-1] if orientation >= 5 else stored
    if view.size_wh not in (stored, shown):
        sizes = " is {}x{} pixels, its annotations are for {}x{}".format(*shown, *view.size_wh)
        raise ValueError(f"image {view.name}{sizes}: its boxes belong to another image")
    if orientation != 1 and stored == shown:
        raise ValueError(
            f"image {view.name} is turned by its EXIF (orientation {orientation}) and its size does not tell "
            "whether its boxes are: store it upright, or leave it out"
        )
    return view.size_wh == shown


def _rgb(crop: Image, image: _Decoded) -> Image:
    return np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB), np.uint8) if image.is_bgr else crop


def _check_visible(view: View, bbox: Floats, image: Image) -> None:
    seen = np.minimum(bbox[:2] + bbox[2:], image.shape[1::-1]) - np.maximum(bbox[:2], 0)
    if np.clip(seen, 0, None).prod() < _LEAST_SHARE * bbox[2:].prod():
        raise UselessBoxError(f"most of the box of {view.name} lies outside the image")


def _background(view: View, contents: Contents, rng: np.random.Generator, size: int) -> Image:
    """Cut a random piece of an image, RGB ``(size, size, 3)``."""
    image = _decode(view, contents, 0.0, size)
    height, width = image.pixels.shape[:2]
    return _rgb(random_window((width, height), rng, size).cut(image.pixels), image)
