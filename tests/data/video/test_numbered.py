import numpy as np
import pytest

from data.video import numbered, open_video
from data.video.numbered import EndOfFrames, open_frames
from tests.material.clips import make_clip
from tests.material.serving import moving, write_moving


@pytest.mark.parametrize("cache_bytes", [0, 1 << 30])
def test_a_video_is_read_in_any_order(tmp_path, monkeypatch, cache_bytes):
    monkeypatch.setattr(numbered, "CACHE_BYTES", cache_bytes)
    path = write_moving(tmp_path / "moving.webm")
    expected = list(open_video(path))
    store = open_frames(path, tmp_path / "spool")
    for number in (3, 0, 11, 10, 5, 5, 6):
        np.testing.assert_array_equal(store.read(number), expected[number])
    with pytest.raises(EndOfFrames):
        store.read(12)
    assert store.count == 12
    np.testing.assert_array_equal(store.read(2), expected[2])
    np.testing.assert_array_equal(store.again().read(4), expected[4])


def test_a_folder_is_read_with_its_names(tmp_path):
    clip = make_clip(tmp_path / "Crossing", [(20, 40, 24, 24), (30, 40, 24, 24)])
    store = open_frames(str(tmp_path / "Crossing"), tmp_path)
    assert (store.count, list(store.image_names)) == (2, ["0000.png", "0001.png"])
    np.testing.assert_array_equal(store.read(1), list(clip.frames())[1])
    with pytest.raises(EndOfFrames):
        store.read(2)


class Camera:
    """Stands for ``open_video(0)``."""

    fps = 30.0

    def __init__(self):
        self._frames = iter(moving())

    def __next__(self):
        return next(self._frames)

    def close(self):
        """Nothing is held."""


def test_a_cameras_past_is_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(numbered, "open_video", lambda index: Camera())
    store = open_frames("0", tmp_path / "camera")
    assert store.live
    for number in range(3):
        np.testing.assert_array_equal(store.read(number), moving()[number])
    with pytest.raises(EndOfFrames):  # the future cannot be jumped into
        store.read(9)
    difference = np.abs(store.read(1).astype(int) - moving()[1])
    assert difference.mean() < 3
    recorded = store.again()
    assert recorded.count == 3
    monkeypatch.setattr(numbered, "RECORDED", 3)
    with pytest.raises(EndOfFrames):
        store.read(3)


def test_a_glob_is_read_as_a_folder_is(tmp_path):
    clip = make_clip(tmp_path / "Crossing", [(20, 40, 24, 24), (30, 40, 24, 24)])
    store = open_frames(str(tmp_path / "Cross*" / "*.png"), tmp_path)
    np.testing.assert_array_equal(store.read(1), list(clip.frames())[1])
