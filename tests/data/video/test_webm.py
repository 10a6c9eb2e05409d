"""WebM: key frames, quality, and another reader."""

import numpy as np
import pytest

from data.video.reader import open_video
from data.video.writer import VideoWriter


def test_a_webm_is_made_of_key_frames_and_follows_the_quality(frames, tmp_path):
    errors = []
    for quality in (20, 95):
        with VideoWriter(tmp_path / f"{quality}.webm", quality=quality) as writer:
            for frame in frames:
                writer.write(frame)
        read = list(open_video(tmp_path / f"{quality}.webm"))
        errors.append(np.abs(np.subtract(read, frames, dtype=float)).mean())
    assert errors[0] > 1.5 * errors[1]
    simple_blocks = (
        (tmp_path / "95.webm").read_bytes().split(b"\x9d\x01\x2a")
    )  # start code of a VP8 key frame
    assert len(simple_blocks) == 13


def test_a_webm_is_read_by_another_reader(frames, tmp_path):
    """FFmpeg through PyAV, which steps to the middle by the cues."""
    av = pytest.importorskip("av")
    with VideoWriter(tmp_path / "clip.webm", fps=5) as writer:
        for frame in frames:
            writer.write(frame)
    with av.open(str(tmp_path / "clip.webm")) as container:
        stream = container.streams.video[0]
        assert (stream.codec.name, stream.width, stream.height) == ("vp8", 64, 48)
        assert container.duration / 1e6 == pytest.approx(12 / 5)
        container.seek(1_500_000)
        assert float(next(container.decode(video=0)).time) == pytest.approx(
            1.4
        )  # the last before, a key frame as all
