"""Headers of video files, written by hand after the formats' specifications."""

import sys

import numpy as np
import pytest

from data.video.containers import change_of_size, inspect_container
from data.video.h264 import has_h264
from data.video.writer import VideoWriter
from experiments.__main__ import main


@pytest.mark.parametrize(
    ("data", "counts", "cut"),
    [
        (b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x0cmdat1234", True, False),
        (b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x0dmdat1234", True, True),
        (
            b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\1mdat" + (20).to_bytes(8, "big") + b"1234",
            True,
            False,
        ),
        (b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\1mdat" + (21).to_bytes(8, "big") + b"1234", True, True),
        (b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\0mdat1234", True, False),  # 0: to the end of the file
        (b"RIFF\x08\0\0\0AVI 1234", True, False),
        (b"RIFF\x09\0\0\0AVI 1234", True, True),
        (b"RIFF\x09\0\0\0WAVE1234", False, False),
        (b"\x1a\x45\xdf\xa3\x82hh\x18\x53\x80\x67\x84data", False, False),
        (b"\x1a\x45\xdf\xa3\x82hh\x18\x53\x80\x67\x40\x04data", False, False),
        (b"\x1a\x45\xdf\xa3\x82hh\x18\x53\x80\x67\x85data", False, True),
        (b"\x1a\x45\xdf\xa3\x82hh\x18\x53\x80\x67\x01" + b"\xff" * 7 + b"live", False, False),
        (b"", False, False),
        (b"\x1a\x45\xdf\xa3", False, False),
    ],
)
def test_announced_sizes(data, counts, cut, tmp_path):
    (tmp_path / "file").write_bytes(data)
    container = inspect_container(tmp_path / "file")
    assert (container.counts_frames, container.cut_short) == (counts, cut)


@pytest.mark.skipif(not has_h264(), reason="needs PyAV with x264")
def test_a_video_whose_frames_change_their_size_is_said(tmp_path, capsys, monkeypatch):
    import av

    with (tmp_path / "x.ts").open("wb") as file:
        for wh in ((64, 48), (96, 64)):
            container = av.open(file, "w", format="mpegts")
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = *wh, "yuv420p"
            for _ in range(5):
                picture = av.VideoFrame.from_ndarray(np.full((wh[1], wh[0], 3), 90, np.uint8), format="rgb24")
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
            container.close()
    arguments = ["--init-bbox", "9,9,20,16", "--tracker", "identity", "--output", str(tmp_path / "out")]
    assert main(["track", str(tmp_path / "x.ts"), *arguments]) == 0
    said = f"note: {tmp_path / 'x.ts'} changes its frame size from 64x48 to 96x64 at "
    assert capsys.readouterr().err.startswith(said)
    monkeypatch.setitem(sys.modules, "av", None)
    with VideoWriter(tmp_path / "one.avi") as writer:
        writer.write(np.zeros((48, 64, 3), np.uint8))
    assert change_of_size(tmp_path / "one.avi") is None
