"""Textures with the statistics of photographs: painted of overlapping shapes, or cut out of given images."""

import colorsys

import cv2
import numpy as np
from numpy.typing import NDArray

Texture = NDArray[np.float32]
Palette = NDArray[np.float32]


def random_palette(rng: np.random.Generator, hue: float, saturation: tuple[float, float]) -> Palette:
    """Draw eight RGB colours in 0…255, ``(8, 3)``, most of them near one hue (0…1), some far from it."""
    hues = hue + rng.normal(0, 0.04, 8) + rng.uniform(0.15, 0.85) * (rng.uniform(size=8) < 0.3)
    saturations, values = rng.uniform(*saturation, 8), rng.permutation(np.linspace(0.15, 0.95, 8))
    colours = [colorsys.hsv_to_rgb(*hsv) for hsv in zip(hues % 1, saturations, values, strict=True)]
    return 255 * np.array(colours, np.float32)


def leaves_texture(rng: np.random.Generator, size_wh: tuple[int, int], palette: Palette) -> Texture:
    """Paint a "dead leaves" texture: shapes that hide one another, most of them small.

    Edges and power spectrum resemble those of photographs (Lee, Mumford and Huang, IJCV 2001). The texture wraps
    around at its borders.

    Returns:
        float32 RGB ``(H, W, 3)`` in 0…255.
    """
    width, height = size_wh
    canvas = np.tile(palette[rng.integers(len(palette))], (height, width, 1))
    largest = 0.3 * min(size_wh)
    smallest = min(3.0, largest / 4)
    share = rng.uniform(size=int(np.clip(width * height / 320, 12, 600)))
    radii = (largest**-2 + share * (smallest**-2 - largest**-2)) ** -0.5  # density falls with radius³
    for radius in np.sort(np.append(radii, rng.uniform(0.3, 1, 25) * largest))[::-1]:
        colour = palette[rng.integers(len(palette))] + rng.normal(0, 9, 3)
        _paint_leaf(rng, canvas, radius, colour)
    clouds = 1 + 0.1 * _cloud_noise(rng, (height, width))
    return np.clip(canvas * clouds[..., None], 0, 255).astype(np.float32)


def image_texture(rng: np.random.Generator, image: NDArray[np.uint8], size_wh: tuple[int, int]) -> Texture:
    """Cut a random piece of 0.7 to 1 of the largest size out of an RGB image and resize it; float32 0…255."""
    width, height = size_wh
    scale = min(image.shape[1] / width, image.shape[0] / height) * rng.uniform(0.7, 1.0)
    piece_w, piece_h = max(1, int(scale * width)), max(1, int(scale * height))
    x = rng.integers(image.shape[1] - piece_w + 1)
    y = rng.integers(image.shape[0] - piece_h + 1)
    piece = np.ascontiguousarray(image[y : y + piece_h, x : x + piece_w])
    shrink = scale > 1
    resized = cv2.resize(piece, size_wh, interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)
    return resized.astype(np.float32)


def _paint_leaf(rng: np.random.Generator, canvas: Texture, radius: float, colour: NDArray) -> None:
    """Paint one rotated, shaded ellipse or rectangle that wraps around the borders."""
    height, width = canvas.shape[:2]
    reach = int(radius) + 2
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    columns = np.arange(int(x) - reach, int(x) + reach + 1)
    rows = np.arange(int(y) - reach, int(y) + reach + 1)
    dx, dy = (columns - x).astype(np.float32)[None, :], (rows - y).astype(np.float32)[:, None]
    angle, slim = rng.uniform(0, np.pi), rng.uniform(0.35, 1.0)
    along = dx * np.float32(np.cos(angle)) + dy * np.float32(np.sin(angle))
    across = (dy * np.float32(np.cos(angle)) - dx * np.float32(np.sin(angle))) / np.float32(slim)
    if rng.uniform() < 0.5:
        distance = np.hypot(along, across)
    else:
        distance = np.maximum(np.abs(along), np.abs(across)) * np.float32(1.3)
    opacity = np.float32(rng.uniform(0.45, 1))
    mask = opacity * np.clip(np.float32(radius) - distance + np.float32(0.5), 0, 1)[..., None]
    shade = (along * np.float32(rng.normal(0, 14) / radius))[..., None] + colour.astype(np.float32)
    index = np.ix_(rows % height, columns % width)
    canvas[index] += mask * (shade - canvas[index])


def _cloud_noise(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Draw float32 noise of amplitude 1/frequency, zero mean and unit variance that wraps around."""
    spectrum = np.fft.rfft2(rng.normal(size=shape))
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :])
    frequency[0, 0] = np.inf
    noise = np.fft.irfft2(spectrum / np.maximum(frequency, 1 / max(shape)), shape)
    return (noise / noise.std()).astype(np.float32)
