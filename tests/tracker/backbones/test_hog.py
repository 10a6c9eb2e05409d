"""fHOG against loops over pixels in float64."""

import math

import numpy as np
import pytest
import torch

from tracker.backbones.hog import HOG


def loop_fhog(image):
    """Felzenszwalb et al. 2010, section 6, one pixel at a time in float64; image (3, H, W) in [0, 1]."""
    _, height, width = image.shape
    rows, columns = height // 4, width // 4
    cells = np.zeros((rows, columns, 18))

    def at(channel, row, column):
        return image[channel, min(max(row, 0), height - 1), min(max(column, 0), width - 1)]

    for row in range(height):
        for column in range(width):
            gradients = [
                (
                    at(c, row, column + 1) - at(c, row, column - 1),
                    at(c, row + 1, column) - at(c, row - 1, column),
                )
                for c in range(3)
            ]
            dx, dy = max(gradients, key=lambda gradient: math.hypot(*gradient))
            position = (math.atan2(dy, dx) % (2 * math.pi)) / (2 * math.pi) * 18
            share = position - math.floor(position)
            cells[row // 4, column // 4, math.floor(position) % 18] += (1 - share) * math.hypot(dx, dy)
            cells[row // 4, column // 4, (math.floor(position) + 1) % 18] += share * math.hypot(dx, dy)
    padded = np.pad(cells, ((1, 1), (1, 1), (0, 0)), mode="edge")
    weights = {-1: 1 / 8, 0: 6 / 8, 1: 1 / 8}
    smooth = sum(
        weights[dr] * weights[dc] * padded[1 + dr : 1 + dr + rows, 1 + dc : 1 + dc + columns]
        for dr in weights
        for dc in weights
    )
    energy = np.pad(((smooth[..., :9] + smooth[..., 9:]) ** 2).sum(-1), 1, mode="edge")
    features = np.zeros((31, rows, columns))
    for row in range(rows):
        for column in range(columns):
            signed = smooth[row, column]
            unsigned = signed[:9] + signed[9:]
            for block, (dr, dc) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
                norm = math.sqrt(energy[row + dr : row + dr + 2, column + dc : column + dc + 2].sum() + 1e-4)
                features[:18, row, column] += 0.5 * np.minimum(signed / norm, 0.2)
                features[18:27, row, column] += 0.5 * np.minimum(unsigned / norm, 0.2)
                features[27 + block, row, column] = 0.2357 * np.minimum(signed / norm, 0.2).sum()
    return features


def test_hog_is_felzenszwalbs_31_channels(images):
    got = HOG()(images).numpy()
    assert got.shape == (2, 31, 8, 10)
    for features, image in zip(got, images, strict=True):
        assert features == pytest.approx(loop_fhog(image.double().numpy() / 255), abs=2e-5)


def test_hog_turns_with_the_image(images):
    """A quarter turn moves every signed orientation by a quarter of the circle: 4.5 of 18 bins, so two make 9."""
    half = HOG()(images.rot90(2, (2, 3)))
    expected = HOG()(images).rot90(2, (2, 3))
    turned = torch.cat([expected[:, 9:18], expected[:, :9], expected[:, 18:27]], dim=1)
    assert torch.allclose(half[:, :27], turned, atol=1e-5)


def test_hog_does_not_see_contrast(images):
    bright = 255 * (images / 255 * 0.5 + 0.25)
    assert torch.allclose(HOG()(bright), HOG()(images), atol=2e-2)
