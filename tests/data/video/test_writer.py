"""Frames out: what is written is what is read, and nothing is ever half there."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.video.containers import inspect_container
from data.video.reader import open_video
from data.video.writer import SUFFIXES, VideoWriter

SUFFIXES = list(SUFFIXES)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_frame_comes_back_in_order_and_in_colour(frames, suffix, tmp_path):
    path = tmp_path / f"clip{suffix}"
    with VideoWriter(path, fps=12.5) as writer:
        for frame in frames:
            writer.write(frame)
        assert not path.exists()
    assert writer.frames_written == 12
    assert list(tmp_path.iterdir()) == [path]
    assert not inspect_container(path).cut_short
    video = open_video(path)
    assert (video.fps, video.frame_count) == (pytest.approx(12.5), 12)
    for written, read in zip(frames, video, strict=True):
        assert np.abs(written.astype(int) - read).mean() < 9
        np.testing.assert_allclose(read.mean(axis=(0, 1)), written.mean(axis=(0, 1)), atol=4)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("size", "stored"), [((33, 32), (34, 32)), ((64, 47), (64, 48)), ((35, 33), (36, 34))]
)
def test_an_odd_size_is_extended_by_a_copy_of_its_edge(suffix, size, stored, tmp_path):
    frame = np.full((size[1], size[0], 3), (200, 90, 30), np.uint8)
    with VideoWriter(tmp_path / f"odd{suffix}") as writer:
        writer.write(frame)
        writer.write(frame)
    video = open_video(tmp_path / f"odd{suffix}")
    read = next(video)
    assert video.frame_size == stored
    np.testing.assert_allclose(read.astype(int), np.broadcast_to((200, 90, 30), read.shape), atol=12)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("trouble", [KeyboardInterrupt, ValueError])
def test_an_interruption_leaves_a_complete_file_with_what_was_written(frames, suffix, trouble, tmp_path):
    path = tmp_path / f"clip{suffix}"

    def interrupted():
        with VideoWriter(path) as writer:
            for frame in frames[:5]:
                writer.write(frame)
            raise trouble

    with pytest.raises(trouble):
        interrupted()
    assert len(list(open_video(path))) == 5
    assert list(tmp_path.iterdir()) == [path]


def test_no_frames_no_file_and_an_old_file_stays(tmp_path):
    with VideoWriter(tmp_path / "clip.webm"):
        pass
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old.webm").write_bytes(b"old")
    VideoWriter(tmp_path / "old.webm").close()
    assert (tmp_path / "old.webm").read_bytes() == b"old"


def test_a_frame_of_another_kind_is_refused_and_the_rest_is_kept(frames, tmp_path):
    with VideoWriter(tmp_path / "clip.webm") as writer:
        writer.write(frames[0])
        with pytest.raises(ValueError, match=r"frame 2 is 32x24, expected 64x48"):
            writer.write(frames[0][::2, ::2])
        for wrong in (frames[0][..., 0], frames[0].astype(float), frames[0][..., :2]):
            with pytest.raises(ValueError, match="uint8 RGB"):
                writer.write(wrong)
        writer.write(frames[1])
    writer.close()
    with pytest.raises(RuntimeError, match="is closed"):
        writer.write(frames[0])
    assert len(list(open_video(tmp_path / "clip.webm"))) == 2


def test_wrong_arguments_fail_before_any_work(tmp_path):
    (tmp_path / "folder.webm").mkdir()
    for path, options, kind, said in [
        ("clip.mkv", {}, ValueError, r"one of \.webm, \.mp4, \.avi, got clip\.mkv"),
        ("clip", {}, ValueError, "got clip"),
        ("clip.webm", {"fps": 0}, ValueError, "fps"),
        ("clip.webm", {"fps": float("nan")}, ValueError, "fps"),
        ("clip.webm", {"quality": 0}, ValueError, "quality"),
        ("none/clip.webm", {}, FileNotFoundError, "folder .*none does not exist"),
        ("folder.webm", {}, IsADirectoryError, "a folder has that name"),
    ]:
        with pytest.raises(kind, match=said):
            VideoWriter(tmp_path / path, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.webm"]


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")  # as root, no folder refuses by itself

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(OSError, match=r"cannot write the video .*clip\.webm: Permission denied"):
        VideoWriter(tmp_path / "clip.webm")


@pytest.mark.parametrize("kilobytes", [1, 20, 60])
@pytest.mark.parametrize("suffix", [*SUFFIXES, ".mp4 without PyAV"])
def test_a_file_that_the_disk_has_no_room_for_is_no_file(tmp_path, suffix, kilobytes):
    """In a process of its own, whose files may have so many kilobytes: no file, one line, and none of FFmpeg's."""
    code = (
        "import resource, sys, numpy as np, data.video.writer as writer\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({kilobytes} * 1024,) * 2)\n"
        "if 'without' in sys.argv[2]: writer.has_h264 = lambda: False\n"
        "rng = np.random.default_rng(0)\n"
        "try:\n"
        "    with writer.VideoWriter(sys.argv[1]) as video:\n"
        "        for _ in range(60): video.write(rng.integers(0, 256, (96, 128, 3), np.uint8))\n"
        "except OSError as error: print(error)\n"
    )
    path = tmp_path / f"clip{suffix.split()[0]}"
    command = [sys.executable, "-c", code, str(path), suffix]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True)
    assert f"cannot write {path}" in done.stdout
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".webm", ".mp4"])
def test_the_pace_of_a_variable_frame_rate_is_kept(frames, tmp_path, suffix):
    if suffix == ".mp4":
        pytest.importorskip("av")
    times = np.cumsum([0, *[0.04] * 5, *[0.1] * 4, *[1.5] * 2])
    with VideoWriter(tmp_path / f"clip{suffix}") as writer:
        for frame, time in zip(frames, times, strict=True):
            writer.write(frame, time)
    with open_video(tmp_path / f"clip{suffix}") as video:
        read = [video.time for _ in video]
    assert read == pytest.approx(times, abs=1e-3)


def test_times_that_stand_still_or_are_none_go_on(frames, tmp_path):
    with VideoWriter(tmp_path / "clip.webm") as writer:
        for time in (0.0, 0.0, -5.0, float("nan"), 0.001):
            writer.write(frames[0], time)
    with open_video(tmp_path / "clip.webm") as video:
        read = [video.time for _ in video]
    assert len(read) == 5
    assert (np.diff(read) > 0).all()


def test_nothing_is_printed(tmp_path):
    code = (
        "import sys, numpy as np\nfrom data.video.writer import VideoWriter\n"
        "for suffix in ('.webm', '.mp4', '.avi'):\n"
        "    with VideoWriter(sys.argv[1] + suffix) as writer:\n"
        "        for _ in range(3): writer.write(np.zeros((48, 64, 3), np.uint8))\n"
        "print('done', file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "clip")]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "done\n")
