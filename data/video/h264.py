"""H.264 in MP4, which every player and browser shows; needs PyAV (requirements-video.txt)."""

import importlib.util
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CODEC = "libx264"
_MILLISECOND = Fraction(1, 1000)


def has_h264() -> bool:
    """Tell whether PyAV is installed and can encode H.264."""
    if importlib.util.find_spec("av") is None:
        return False
    import av

    return _CODEC in av.codecs_available


class H264Encoder:
    """Writes frames with their times.

    Args:
        path: File to write.
        size_wh: Width and height of the frames in pixels, even.
        fps: Nominal frames per second; players follow the times.
        quality: 1…100; 80 is x264's usual quality.
    """

    def __init__(self, path: Path, size_wh: tuple[int, int], fps: float, quality: int) -> None:
        import av

        av.logging.set_level(av.logging.PANIC)  # errors are raised, not printed
        self._file = path.open("wb")
        self._container: Any = av.open(self._file, "w", format="mp4")
        stream: Any = self._container.add_stream(_CODEC, rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = *size_wh, "yuv420p"
        stream.options = {"crf": str(round(51 - 0.35 * quality)), "preset": "veryfast"}
        stream.codec_context.time_base = _MILLISECOND
        stream.codec_context.thread_count = 1  # the other cores are for tracking
        self._stream = stream

    def write(self, bgr: NDArray[np.uint8], milliseconds: int) -> None:
        """Append a frame, uint8 BGR ``(H, W, 3)``, that is shown from that time on."""
        import av

        frame = av.VideoFrame.from_ndarray(bgr, format="bgr24")
        frame.pts, frame.time_base = milliseconds, _MILLISECOND
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def close(self) -> None:
        """Write the remaining frames and the index; raises ``OSError``."""
        with self._file:
            try:
                for packet in self._stream.encode():
                    self._container.mux(packet)
            finally:
                self._container.close()
