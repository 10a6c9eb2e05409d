"""Headers of video files, written by hand after the formats' specifications."""

import pytest

from data.video.containers import inspect_container


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
