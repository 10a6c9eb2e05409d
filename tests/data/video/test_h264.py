"""H.264: used if PyAV is installed."""

import pytest

from data.video.reader import open_video
from data.video.writer import VideoWriter


def test_mp4_is_h264_where_pyav_is_installed_and_plays_without(frames, tmp_path, monkeypatch):
    pytest.importorskip("av")
    codes = []
    for installed in (True, False):
        monkeypatch.setattr("data.video.writer.has_h264", lambda installed=installed: installed)
        with VideoWriter(tmp_path / "clip.mp4") as writer:
            for frame in frames:
                writer.write(frame)
        assert len(list(open_video(tmp_path / "clip.mp4"))) == 12
        data = (tmp_path / "clip.mp4").read_bytes()
        codes.append((b"avc1" in data, b"vp09" in data))
    assert codes == [(True, False), (False, True)]
