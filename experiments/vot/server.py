"""The tracker's side of TraX, the protocol in which the VOT toolkit asks for boxes."""

import math
from typing import Any

import numpy as np

from data.boxes import Floats, Image
from data.images import decode_bgr, read_image
from tracker import Tracker


def serve_trax(tracker: Tracker, name: str) -> None:
    """Answer a TraX client over the process's standard input and output, or the socket in ``TRAX_SOCKET``.

    Rectangles of TraX are boxes of ours as they are: ``(x, y)`` is the upper left corner, counted from 0. The
    score goes along as ``confidence``.

    Args:
        tracker: What answers; the client may start it again and again.
        name: What the tracker is called.

    Raises:
        RuntimeError: The package ``vot-trax`` is not installed, or the client broke off.
        ValueError: The client asked for what cannot be tracked; it is told why.
    """
    try:
        import trax
    except ImportError as error:
        raise RuntimeError(
            f"vot needs the package vot-trax, which cannot be imported ({error}): "
            "pip install -c constraints.txt -r requirements-vot.txt"
        ) from None
    from trax.server import Server

    try:
        server = Server(
            [trax.Region.RECTANGLE],
            [trax.Image.PATH, trax.Image.MEMORY, trax.Image.BUFFER],
            tracker_name=name,
            tracker_description="deep regression tracking",
        )
        _answer(server, tracker)
    except trax.TraxException as error:
        raise RuntimeError(f"the TraX client broke off: {error}") from error


def _answer(server: Any, tracker: Tracker) -> None:
    """Initialise and update until the client quits; whatever ends it before, the client is told."""
    import trax

    try:
        while (request := server.wait()).type != trax.TraxStatus.QUIT:
            image = _read(request.image)
            if request.type == trax.TraxStatus.INITIALIZE:
                if len(request.objects) != 1:
                    raise ValueError(f"the tracker follows one object, got {len(request.objects)}")
                bbox = np.array(request.objects[0][0].bounds(), np.float64)
                tracker.init(image, bbox)
                _reply(server, bbox, math.nan)
            else:
                output = tracker.update(image)
                _reply(server, output.bbox, output.score)
    except (ValueError, OSError, RuntimeError) as error:
        server.quit(reason=" ".join(str(error).split()))
        raise
    server.quit()


def _reply(server: Any, bbox: Floats, score: float) -> None:
    import trax

    properties = {} if math.isnan(score) else {"confidence": f"{score:.6g}"}
    server.status([(trax.Rectangle.create(*map(float, bbox)), properties)])


def _read(images: dict[str, Any]) -> Image:
    """The colour image of a request: a file, pixels or an encoded image."""
    import trax

    image = images["color"]
    if image.type() == trax.Image.PATH:
        return read_image(image.path())
    if image.type() == trax.Image.BUFFER:
        return np.ascontiguousarray(decode_bgr(image.buffer(), "the client's image")[..., ::-1])
    pixels = image.array()
    if pixels.dtype != np.uint8:
        raise ValueError(f"images in memory must have 8 bits a channel, got {pixels.dtype}")
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
