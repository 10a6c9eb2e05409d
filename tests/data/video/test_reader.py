"""Frames in: every kind of source, every way in which one can be broken."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.images import list_images, read_image
from data.video.containers import inspect_container
from data.video.reader import FramesEndedEarly, open_video


def picture(index, width=64, height=48):
    """Grey noise (some kilobytes a frame, as real video has) whose red surplus says which frame it is."""
    noise = np.random.default_rng(0).integers(0, 100, (height, width, 1), np.uint8)
    return np.repeat(noise, 3, axis=2) + np.array([2 * index, 0, 30], np.uint8)


def write_video(path, fourcc, count=60):
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*fourcc), 25.0, (64, 48))
    for index in range(count):
        writer.write(picture(index)[..., ::-1].copy())
    writer.release()
    return path


def write_images(folder, names, **size):
    folder.mkdir(exist_ok=True)
    for index, name in enumerate(names):
        cv2.imwrite(str(folder / name), picture(index, **size)[..., ::-1])
    return folder


def shades(frames):
    """The index that `picture` hid in each frame."""
    return [round((frame[..., 0].mean() - frame[..., 1].mean()) / 2) for frame in frames]


RUN = {"cwd": Path(__file__).parents[3], "capture_output": True, "text": True, "check": True}
CONTAINERS = [("mp4", "mp4v"), ("avi", "MJPG"), ("avi", "XVID"), ("webm", "VP80"), ("mkv", "VP80")]


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    return {(suffix, code): write_video(folder / f"{code}.{suffix}", code) for suffix, code in CONTAINERS}


class TestFiles:
    @pytest.mark.parametrize("kind", CONTAINERS)
    def test_a_whole_video_gives_every_frame_in_order_as_rgb(self, videos, kind):
        with open_video(videos[kind]) as video:
            assert (video.fps, video.frame_count, video.names) == (25.0, 60, None)
            assert video.frame_size is None
            frames = list(video)
        assert video.frame_size == (64, 48)
        assert video.frames_read == 60
        assert shades(frames) == pytest.approx(range(60), abs=2)
        assert frames[0].dtype == np.uint8
        assert frames[0].shape == (48, 64, 3)
        blue = frames[30][..., 2].mean() - frames[30][..., 1].mean()
        assert blue == pytest.approx(30, abs=6)

    def test_next_then_loop_as_the_readme_does(self, videos):
        frames = open_video(str(videos["avi", "MJPG"]))
        assert shades([next(frames)]) == pytest.approx([0], abs=1)
        assert len(list(frames)) == 59
        assert list(frames) == []

    @pytest.mark.parametrize("kind", [("avi", "MJPG"), ("avi", "XVID"), ("webm", "VP80"), ("mkv", "VP80")])
    @pytest.mark.parametrize("share", [0.9, 0.5])
    def test_a_cut_file_gives_what_it_has_and_then_says_so(self, videos, kind, share, tmp_path):
        whole = videos[kind].read_bytes()
        cut = tmp_path / f"cut.{kind[0]}"
        cut.write_bytes(whole[: int(len(whole) * share)])
        frames, video = [], open_video(cut)
        with pytest.raises(FramesEndedEarly, match=r"ended early: read \d+ of 60 .* cut short") as error:
            frames.extend(video)
        assert error.value.read == len(frames) == video.frames_read
        assert 0 < len(frames) < 60
        assert error.value.announced == 60
        assert shades(frames[:-1]) == pytest.approx(range(len(frames) - 1), abs=2)  # the cut may hit the last
        assert list(video) == []

    def test_a_few_lost_bytes_at_the_very_end_are_no_break(self, videos, tmp_path):
        whole = videos["avi", "MJPG"].read_bytes()  # the index is at the end; all 60 frames are there
        (tmp_path / "tail.avi").write_bytes(whole[:-40])
        assert inspect_container(tmp_path / "tail.avi").cut_short
        assert len(list(open_video(tmp_path / "tail.avi"))) == 60

    def test_a_whole_file_with_a_damaged_middle_is_noticed(self, videos, tmp_path):
        data = bytearray(videos["mp4", "mp4v"].read_bytes())
        data[len(data) // 4 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 4)
        (tmp_path / "damaged.mp4").write_bytes(data)
        with pytest.raises(FramesEndedEarly, match="cannot be decoded"):
            list(open_video(tmp_path / "damaged.mp4"))

    @pytest.mark.parametrize(("share", "said"), [(0.5, "cut short"), (0.02, "cut short"), (0.0, "0 bytes")])
    def test_an_mp4_without_its_index_cannot_be_read(self, videos, share, said, tmp_path):
        whole = videos["mp4", "mp4v"].read_bytes()
        (tmp_path / "cut.mp4").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ValueError, match=said):
            open_video(tmp_path / "cut.mp4")

    def test_what_is_no_video_is_refused(self, tmp_path):
        (tmp_path / "notes.mp4").write_bytes(b"these are my notes" * 99)
        with pytest.raises(ValueError, match=r"notes\.mp4 cannot be read: no video format.*expected"):
            open_video(tmp_path / "notes.mp4")

    def test_nothing_is_printed_while_failing(self, videos, tmp_path):
        """In a process of its own: FFmpeg reads its log level once, before its first file."""
        whole = videos["avi", "XVID"].read_bytes()
        (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 2])
        (tmp_path / "junk.avi").write_bytes(b"junk" * 99)
        code = (
            "import sys\nfrom data.video.reader import open_video\n"
            "for source in sys.argv[1:]:\n"
            "    try: print(len(list(open_video(source))))\n"
            "    except (ValueError, RuntimeError) as error: print(error)\n"
        )
        sources = [tmp_path / "cut.avi", tmp_path / "junk.avi", "97", "rtsp://127.0.0.1:9/none"]
        done = subprocess.run([sys.executable, "-c", code, *map(str, sources)], **RUN)
        said = ["ended early", "cannot be read", "cannot be opened", "cannot be read"]
        assert all(words in line for words, line in zip(said, done.stdout.splitlines(), strict=True))
        assert done.stderr == ""

    def test_close_ends_the_iteration(self, videos):
        with open_video(videos["mp4", "mp4v"]) as video:
            next(video)
        assert list(video) == []
        video.close()


class TestImages:
    def test_a_folder_is_read_in_counting_order_and_only_its_images(self, tmp_path):
        folder = write_images(tmp_path / "img", ["img1.png", "img2.bmp", "img10.png", "img20.PNG"])
        (folder / "notes.txt").write_text("not an image")
        (folder / "._img3.png").write_bytes(b"mac")
        (folder / "img4.png").mkdir()
        video = open_video(folder)
        assert (video.fps, video.frame_count) == (None, 4)
        assert video.names == ["img1.png", "img2.bmp", "img10.png", "img20.PNG"]
        for index, frame in enumerate(video):
            np.testing.assert_array_equal(frame, picture(index))

    def test_glob_list_and_single_image(self, tmp_path):
        folder = write_images(tmp_path / "img", ["a1.png", "a10.png", "a9.png", "b.png"])
        assert open_video(str(folder / "a*.png")).names == ["a1.png", "a9.png", "a10.png"]
        assert open_video(str(tmp_path / "**" / "a*.png")).names == ["a1.png", "a9.png", "a10.png"]
        assert shades(open_video([folder / "b.png", str(folder / "a1.png")])) == [3, 0]
        assert open_video(folder / "b.png").names == ["b.png"]

    def test_a_folder_with_brackets_in_its_name_is_no_glob(self, tmp_path):
        assert open_video(write_images(tmp_path / "run[1]", ["1.png"])).frame_count == 1

    def test_another_size_mid_way_names_the_frame(self, tmp_path):
        folder = write_images(tmp_path / "img", [f"{i:04d}.png" for i in range(1, 13)])
        cv2.imwrite(str(folder / "0012.png"), picture(0, width=80, height=60))
        video = open_video(folder)
        with pytest.raises(ValueError, match=r"frame 12 \(0012.png\) is 80x60 but the first was 64x48"):
            list(video)
        assert video.frames_read == 11

    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif"])
    def test_an_image_cut_short_is_an_error_and_not_a_half_grey_frame(self, tmp_path, suffix, capfd):
        folder = write_images(tmp_path / "img", [f"1{suffix}", f"2{suffix}"])
        whole = (folder / f"2{suffix}").read_bytes()
        (folder / f"2{suffix}").write_bytes(whole[: len(whole) // 2])
        video = open_video(folder)
        next(video)
        with pytest.raises(ValueError, match=rf"2{suffix}"):
            next(video)
        lines = capfd.readouterr().err.splitlines()
        assert [line for line in lines if not line.startswith("libpng error")] == []  # OpenCV 4.10 prints it

    def test_an_empty_image_file(self, tmp_path):
        (tmp_path / "0.png").touch()
        with pytest.raises(ValueError, match=r"0\.png \(0 bytes\)"):
            next(open_video(tmp_path))


class TestMissing:
    def test_each_missing_or_empty_source_says_what_was_expected(self, tmp_path):
        (tmp_path / "empty").mkdir()
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "notes.txt").touch()
        write_images(tmp_path / "img", ["1.png"])
        for source, kind, said in [
            (tmp_path / "none.mp4", FileNotFoundError, "none.mp4"),
            ("", FileNotFoundError, "empty"),
            (str(tmp_path / "img" / "%04d.png"), FileNotFoundError, "as a glob"),
            (str(tmp_path / "*.jpg"), FileNotFoundError, "glob matches no file"),
            (str(tmp_path / "other" / "*"), ValueError, "no image"),
            (tmp_path / "empty", ValueError, "empty folder"),
            (tmp_path / "other", ValueError, "notes.txt"),
            (tmp_path, ValueError, "did you mean"),
            ([], ValueError, "empty"),
            ([tmp_path / "img" / "1.png", tmp_path / "2.png"], FileNotFoundError, "1 of 2 .*2.png"),
            (99, ValueError, "camera 99 cannot be opened"),
            ("99", ValueError, "camera 99 cannot be opened"),
            (-1, ValueError, "0 or more, got -1"),
            ("rtsp://127.0.0.1:9/none", ValueError, "stream .* cannot be read"),
            (None, TypeError, "NoneType"),
            (True, TypeError, "bool"),
            (b"clip.mp4", TypeError, "bytes"),
        ]:
            with pytest.raises(kind, match=said):
                open_video(source)

    def test_listing_a_folder(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="none"):
            list_images(tmp_path / "none")
        (tmp_path / "file").touch()
        with pytest.raises(NotADirectoryError, match="file"):
            list_images(tmp_path / "file")
        with pytest.raises(FileNotFoundError, match=r"1\.png"):
            read_image(tmp_path / "1.png")


class StubCamera:
    """A camera that is unplugged after three frames."""

    def __init__(self, *_):
        self.left = 3

    def isOpened(self):
        return True

    def read(self):
        self.left -= 1
        return self.left >= 0, np.zeros((4, 6, 3), np.uint8)

    def get(self, prop):
        return {cv2.CAP_PROP_FPS: 30.0, cv2.CAP_PROP_FRAME_COUNT: -1.0}[prop]

    def release(self):
        self.left = 0


def test_a_camera_that_stops_is_not_a_clean_end(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", StubCamera)
    video = open_video("0")
    assert (video.source, video.fps, video.frame_count) == ("camera 0", 30.0, None)
    with pytest.raises(FramesEndedEarly, match="camera 0 ended early: read 3 frames; the camera stopped"):
        list(video)


@pytest.mark.real
def test_real_frames_are_read(shared):
    with open_video(shared / "otb" / "David" / "img") as video:
        assert video.frame_count == 471
        assert video.names[0] == "0300.jpg"
        assert next(video).shape == (240, 320, 3)
