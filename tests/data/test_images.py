"""Still images as cameras and datasets store them: depths, channels, turns, links, and headers that lie."""

import logging
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

import data.images
from data.images import MAX_PIXELS, list_images, read_image, read_images
from data.video.reader import open_video

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def picture():
    """uint8 RGB (48, 64, 3), smooth, all channels different."""
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3)


def write(path, rgb):
    assert cv2.imwrite(str(path), rgb[..., ::-1] if rgb.ndim == 3 and rgb.shape[2] == 3 else rgb)
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_grey_and_transparent_images_become_rgb(tmp_path, picture, suffix):
    grey = picture[..., 1]
    cases = {
        "grey": (grey, np.repeat(grey[..., None], 3, axis=2)),
        "alpha": (np.dstack([picture[..., ::-1], grey]), picture),
    }
    for stored, expected in cases.values():
        image = read_image(write(tmp_path / f"x{suffix}", stored))
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
        np.testing.assert_array_equal(image, expected)


class TestDeepImages:
    """Thermal cameras use a few hundred of 65,536 levels: the upper byte of them is black."""

    @pytest.mark.parametrize(
        ("suffix", "kind"),
        [
            (".png", np.uint16),
            (".tif", np.uint16),
            (".pgm", np.uint16),
            (".tif", np.float32),
            (".tif", np.int16),
        ],
    )
    @pytest.mark.parametrize("channels", [1, 3])
    def test_one_range_for_the_whole_sequence(self, tmp_path, caplog, suffix, kind, channels):
        """The truth is the line through the first frame's ends; the second frame is 40 levels brighter."""
        if channels == 3 and suffix == ".pgm":
            suffix = ".ppm"
        first = np.linspace(7000, 7510, 48 * 64).round().reshape(48, 64).astype(kind)
        for number, frame in enumerate([first, first + kind(40)]):
            write(tmp_path / f"{number}{suffix}", np.dstack([frame] * channels) if channels == 3 else frame)
        with caplog.at_level(logging.WARNING):
            frames = list(open_video(tmp_path))
        truth = [(frame[..., 0] - 7000.0) / 2 for frame in (first[..., None], first[..., None] + 40.0)]
        for frame, expected in zip(frames, truth, strict=True):
            assert frame.dtype == np.uint8
            assert frame.shape == (48, 64, 3)
            np.testing.assert_allclose(frame[..., 2], np.clip(expected, 0, 255), atol=1.5)
        assert len(caplog.messages) == 1
        assert f"folder {tmp_path} ({np.dtype(kind)}): values 7000" in caplog.messages[0]

    def test_hot_and_dead_pixels_do_not_set_the_range(self, tmp_path):
        frame = np.random.default_rng(0).integers(3000, 3256, (480, 640)).astype(np.uint16)
        frame[100, 100:110], frame[200, 200:210] = 65535, 0
        image = read_image(write(tmp_path / "x.png", frame)).astype(int)
        assert image.std() == pytest.approx(frame[300:].std(), rel=0.05)

    def test_a_flat_first_frame_waits_for_one_with_contrast(self, tmp_path):
        frames = [
            np.full((48, 64), 7000, np.uint16),
            np.linspace(7000, 7255, 3072).reshape(48, 64).astype(np.uint16),
        ]
        paths = [write(tmp_path / f"{number}.png", frame) for number, frame in enumerate(frames)]
        flat, ramp = read_images(paths)
        assert flat.max() == 0
        assert (ramp.min(), ramp.max()) == (0, 255)

    def test_not_a_number_is_black(self, tmp_path):
        frame = np.linspace(0, 1, 3072, dtype=np.float32).reshape(48, 64)
        frame[20, 20] = np.nan
        image = read_image(write(tmp_path / "x.tif", frame))
        assert image[20, 20].tolist() == [0, 0, 0]
        assert image[47, 63].tolist() == [255] * 3

    def test_the_range_is_said_on_stderr(self, tmp_path):
        write(tmp_path / "0.png", np.linspace(0, 900, 3072).reshape(48, 64).astype(np.uint16))
        code = "import sys; from data import open_video; list(open_video(sys.argv[1]))"
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stderr.count("\n") == 1
        assert "values 0 to 899" in done.stderr


def png(width, height, rows=b"\0" * 9, more=b""):
    """A PNG with right checksums, whatever is in it."""

    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    profile = chunk(b"iCCP", more) if more else b""
    return b"\x89PNG\r\n\x1a\n" + header + profile + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class TestWhatDecodersSay:
    """libjpeg and libpng print to the process's stderr; their readers get a line with the file's name, or nothing."""

    def test_a_damaged_jpeg_is_read_and_said_once(self, tmp_path, picture, capfd, caplog):
        scan = cv2.imencode(".jpg", picture)[1].tobytes()
        path = tmp_path / "x\x1b.jpg"
        path.write_bytes(scan[: len(scan) * 3 // 4] + b"\xff\xd9")
        for _ in range(2):
            assert read_image(path).shape == (48, 64, 3)
        (line,) = caplog.messages
        assert r"x\x1b.jpg may be damaged, a part of it grey or shifted: Corrupt JPEG data" in line
        assert capfd.readouterr().err == ""

    def test_what_another_thread_prints_meanwhile_is_none_of_its(
        self, tmp_path, picture, capfd, caplog, monkeypatch
    ):
        decode = data.images._decode

        def decode_beside_a_progress_bar(*arguments):
            os.write(2, b"half of it done\n")
            return decode(*arguments)

        monkeypatch.setattr(data.images, "_decode", decode_beside_a_progress_bar)
        read_image(write(tmp_path / "sound.jpg", picture))
        assert (capfd.readouterr().err, caplog.messages) == ("half of it done\n", [])

    def test_a_png_is_read_or_refused_without_a_word(self, tmp_path, capfd, caplog):
        rows = (b"\0" + b"\x7f" * 24) * 8
        (tmp_path / "profile.png").write_bytes(png(8, 8, rows, b"sRGB\0\0" + zlib.compress(b"none")))
        assert (read_image(tmp_path / "profile.png") == 127).all()
        (tmp_path / "short.png").write_bytes(png(8, 8, rows[:50]))
        with pytest.raises(ValueError, match=r"cannot be decoded: .*short\.png"):
            read_image(tmp_path / "short.png")
        assert (capfd.readouterr().err, caplog.messages) == ("", [])

    def test_threads_get_stderr_back(self, tmp_path, capfd):
        (tmp_path / "short.png").write_bytes(png(8, 8))

        def read(_):
            with pytest.raises(ValueError, match="cannot be decoded"):
                read_image(tmp_path / "short.png")

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(read, range(200)))
        os.write(2, b"still there")
        assert capfd.readouterr().err == "still there"

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
    @pytest.mark.filterwarnings("ignore:.*fork")
    def test_a_process_forked_meanwhile_decodes_and_has_stderr(self, tmp_path, picture, capfd):
        path, hearing = write(tmp_path / "x.jpg", picture), threading.Event()

        def hear():
            with data.images._heard():
                hearing.set()
                time.sleep(0.1)

        with ThreadPoolExecutor(1) as thread:
            thread.submit(hear)
            hearing.wait()
            if not (process := os.fork()):
                signal.alarm(5)  # or it would wait for ever
                os.write(2, b"%d rows" % len(read_image(path)))
                os._exit(0)
            assert os.waitpid(process, 0)[1] == 0
        assert capfd.readouterr().err == "48 rows"


@pytest.mark.parametrize("size", [(25000, 25000), (2**30, 2**20), (2**31 - 1, 2**31 - 1)])
def test_more_pixels_than_the_limit_are_refused_before_memory_is_spent(tmp_path, size):
    (tmp_path / "x.png").write_bytes(png(*size))
    with pytest.raises(ValueError, match=rf"x\.png must have at most {MAX_PIXELS // 10**6} million pixels"):
        read_image(tmp_path / "x.png")


def test_a_png_that_does_not_hold_what_it_promises_prints_nothing(tmp_path, capfd, picture):
    whole = write(tmp_path / "x.png", picture).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(50):
        data = bytearray(whole)
        data[rng.integers(8, len(data))] ^= 1 << int(rng.integers(8))
        (tmp_path / "x.png").write_bytes(data)
        with pytest.raises(ValueError, match=r"x\.png"):
            read_image(tmp_path / "x.png")
    assert capfd.readouterr().err == ""


class TestFolders:
    def test_images_without_a_suffix_are_told_by_their_content(self, tmp_path, picture):
        for number in (2, 10, 1):
            write(tmp_path / "x.png", picture + np.uint8(number)).rename(tmp_path / f"frame{number}")
        (tmp_path / "README").write_text("no image")
        (tmp_path / ".DS_Store").write_bytes(b"BM")
        assert [path.name for path in list_images(tmp_path)] == ["frame1", "frame2", "frame10"]
        assert len(list(open_video(tmp_path))) == 3

    def test_a_link_to_nowhere_is_named_and_not_left_out(self, tmp_path, picture):
        write(tmp_path / "1.png", picture)
        (tmp_path / "2.png").symlink_to("gone.png")
        write(tmp_path / "3.png", picture)
        with pytest.raises(FileNotFoundError, match=r"2\.png is a link to gone\.png"):
            list_images(tmp_path)

    def test_more_images_than_the_limit(self, tmp_path, picture, monkeypatch):
        monkeypatch.setattr("data.images.MAX_FRAMES", 2)
        for number in range(3):
            os.link(write(tmp_path / "x.png", picture), tmp_path / f"{number}.png")
        (tmp_path / "x.png").unlink()
        with pytest.raises(ValueError, match="at most 2 images, got 3"):
            list_images(tmp_path)


def test_a_thumbnail_does_not_hide_that_an_image_is_cut_short(tmp_path):
    """A camera's thumbnail in the head has an end-of-image marker of its own."""
    _, jpeg = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    content, thumbnail = jpeg.tobytes(), cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    segment = b"\xff\xe3" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    path = tmp_path / "photo.jpg"
    path.write_bytes(content[:2] + segment + content[2:])
    assert read_image(path).shape == (64, 64, 3)
    path.write_bytes(content[:2] + segment + content[2:-900])
    with pytest.raises(ValueError, match="cut short"):
        read_image(path)
