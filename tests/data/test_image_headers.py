"""Headers of encoded images, against what Pillow reads and writes."""

import cv2
import numpy as np
import pytest
from PIL import Image as PILImage

from data.image_headers import image_size, jpeg_orientation
from data.images import read_image


class TestHeaders:
    @pytest.mark.parametrize("size", [(64, 48), (1, 1), (301, 7)])
    @pytest.mark.parametrize("mode", ["RGB", "L"])
    @pytest.mark.parametrize("suffix", ["bmp", "gif", "jpg", "png", "ppm", "tif", "webp"])
    def test_sizes_are_those_that_pillow_reads(self, tmp_path, size, mode, suffix):
        path = tmp_path / f"x.{suffix}"
        PILImage.new(mode, size).save(path)
        assert image_size(path.read_bytes()) == size == PILImage.open(path).size

    @pytest.mark.parametrize("settings", [{"lossless": True}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}])
    def test_every_kind_of_webp(self, tmp_path, settings):
        PILImage.new("RGB", (301, 7)).save(tmp_path / "x.webp", **settings)
        assert image_size((tmp_path / "x.webp").read_bytes()) == (301, 7)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_exif_turns(self, tmp_path, orientation):
        exif = PILImage.Exif()
        exif[274] = orientation
        PILImage.new("RGB", (64, 48)).save(tmp_path / "x.jpg", exif=exif, quality=100)
        assert jpeg_orientation((tmp_path / "x.jpg").read_bytes()) == orientation
        assert image_size((tmp_path / "x.jpg").read_bytes()) == (64, 48)
        assert read_image(tmp_path / "x.jpg").shape[:2] == ((48, 64) if orientation < 5 else (64, 48))

    def test_no_bytes_make_it_raise(self):
        rng = np.random.default_rng(0)
        heads = [
            b"\xff\xd8\xff\xe1\0\x20Exif\0\0II*\0",
            b"II+\0\x08\0\0\0",
            b"MM\0*",
            b"RIFF1234WEBPVP8X",
            b"BM",
            b"P5 ",
        ]
        for number in range(3000):
            data = heads[number % len(heads)] + rng.bytes(int(rng.integers(60)))
            image_size(data)
            jpeg_orientation(data)


@pytest.mark.parametrize("flags", [[], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]])
def test_the_size_is_in_the_head(flags):
    content = cv2.imencode(".jpg", np.zeros((37, 1203, 3), np.uint8), flags)[1].tobytes()
    assert image_size(content) == (1203, 37)
    assert image_size(content[:100]) is None
    assert image_size(b"\xff\xd8\xff") is None
