"""Textures cut out of images."""

import cv2
import numpy as np
import pytest

from data.synthetic.sequence import synthetic_sequence


def test_given_images_are_what_is_seen():
    noise = np.random.default_rng(0).integers(0, 255, (80, 100, 1), np.uint8)
    red = np.dstack([noise, noise * 0, noise * 0])
    frame = synthetic_sequence(0, size=(64, 48), textures=[red]).frame(0)
    assert frame[..., 0].mean() > 60
    assert frame[..., 1:].mean() < 12


@pytest.mark.real
def test_real_images_as_textures(shared):
    images = [
        cv2.imread(str(path))[..., ::-1] for path in sorted((shared / "train" / "images").iterdir())[:6]
    ]
    frame = synthetic_sequence(0, textures=images).frame(9)
    assert frame.std() > 20
