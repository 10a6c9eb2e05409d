"""Synthetic sequences: a textured target over a moving background, with exact boxes and named challenges."""

import difflib
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from data.synthetic.bodies import Body
from data.synthetic.scene import GRAIN_ZERO, Actor, Occluder, SyntheticSequence, Wave
from data.synthetic.textures import Palette, Texture, image_texture, leaves_texture, random_palette

ATTRIBUTES = {
    "IV": "illumination: brightness, contrast and tint of the whole frame change",
    "SV": "scale: the target grows and shrinks by a factor of 1.5 either way",
    "OCC": "occlusion: a body passes in front of the target every few seconds",
    "DEF": "deformation: the outline bulges and the texture with it",
    "MB": "motion blur: a quick target seen with an open shutter",
    "FM": "fast motion: more than 20 pixels a frame at times (as far as the frame has room)",
    "IPR": "in-plane rotation: the target swings by about 60 degrees either way",
    "OPR": "out-of-plane rotation: the texture turns about the target's vertical axis",
    "OV": "out of view: the target leaves the frame at its sides and comes back",
    "BC": "background clutter: background and passers-by have the target's own colours",
    "LR": "low resolution: the target's box has fewer than 400 pixels",
}
"""The eleven challenges of OTB and how they are rendered."""

_GROWTH = 0.42  # of the logarithm of the scale, either way


def synthetic_sequence(
    seed: int = 0,
    length: int = 100,
    size: tuple[int, int] = (320, 240),
    attributes: Sequence[str] = (),
    *,
    colour: bool = True,
    textures: Sequence[NDArray[np.uint8]] = (),
) -> SyntheticSequence:
    """Make a sequence: a textured target that moves smoothly over a drifting background.

    The same arguments give the same pixels. The same seed with other attributes gives the same target and the same
    background, except for ``BC`` and ``LR``, which change these.

    Args:
        seed: Seed of target, background and motion.
        length: Number of frames, at least 1.
        size: Width and height of the frames in pixels, at least 32 each.
        attributes: Challenges to render, keys of `ATTRIBUTES`; without any the target only shifts.
        colour: Whether frames are in colour; a grey sequence has three equal channels.
        textures: RGB images, uint8 ``(H, W, 3)``, from which background and target are cut; without any they are
            painted.

    Raises:
        ValueError: An attribute is unknown, or the length, size or a texture is out of range.
    """
    chosen = _check(length, size, attributes, textures)
    # one stream of random numbers for each part, so that an attribute changes its own part only
    scenery, looks, path, crowd, front, light = (np.random.default_rng([seed, part]) for part in range(6))
    hue = scenery.uniform()
    palette = random_palette(scenery, hue, (0.05, 0.4))
    contrast = random_palette(looks, hue + looks.uniform(0.25, 0.75), (0.2, 0.75))
    margin = max(8, round(0.08 * max(size)))
    canvas_wh = (size[0] + 2 * margin, size[1] + 2 * margin)
    small = "LR" in chosen
    body = _body(looks, size, palette if "BC" in chosen else contrast, textures, small=small)
    passers = [
        _passer(crowd, _body(crowd, size, palette, textures, small=small), size)
        for _ in range(3 if "BC" in chosen else 0)
    ]
    return SyntheticSequence(
        name="_".join(["synthetic", str(seed), *chosen]),
        length=length,
        size_wh=(size[0], size[1]),
        attributes=chosen,
        target=_target(path, body, size, chosen),
        passers=tuple(passers),
        occluder=_occluder(front, body, size, textures) if "OCC" in chosen else None,
        background=_background(scenery, canvas_wh, palette, textures),
        camera=(_drift(path, canvas_wh[0], margin), _drift(path, canvas_wh[1], margin)),
        light=_light(light) if "IV" in chosen else None,
        grain=_grain(scenery, size),
        colour=colour,
    )


def _check(
    length: int, size: tuple[int, int], attributes: Sequence[str], textures: Sequence[NDArray]
) -> tuple[str, ...]:
    """Check the arguments; return the attributes in the order of `ATTRIBUTES`, each once."""
    for name in attributes:
        if name not in ATTRIBUTES:
            near = difflib.get_close_matches(name.upper(), ATTRIBUTES, 1, 0)[0]
            raise ValueError(
                f"unknown attribute '{name}', did you mean '{near}'? Known: {', '.join(ATTRIBUTES)}"
            )
    if length < 1:
        raise ValueError(f"length must be 1 or more frames, got {length}")
    if min(size) < 32:
        raise ValueError(f"size must be (width, height) of at least 32 pixels each, got {size}")
    for texture in textures:
        if texture.dtype != np.uint8 or texture.ndim != 3 or texture.shape[2] != 3 or min(texture.shape) < 1:
            raise ValueError(
                f"textures must be uint8 RGB images (H, W, 3), got {texture.dtype} of shape {texture.shape}"
            )
    return tuple(name for name in ATTRIBUTES if name in attributes)


def _texture(
    rng: np.random.Generator, size_wh: tuple[int, int], palette: Palette, images: Sequence[NDArray[np.uint8]]
) -> Texture:
    """Cut a texture from one of the images; paint a texture if there are no images."""
    if images:
        return image_texture(rng, images[int(rng.integers(len(images)))], size_wh)
    return leaves_texture(rng, size_wh, palette)


def _background(
    rng: np.random.Generator, size_wh: tuple[int, int], palette: Palette, images: Sequence[NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    sharp = np.rint(_texture(rng, size_wh, palette, images)).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(sharp, (0, 0), rng.uniform(0.5, 1.2)), np.uint8)


def _body(
    rng: np.random.Generator,
    size: tuple[int, int],
    palette: Palette,
    images: Sequence[NDArray[np.uint8]],
    *,
    small: bool,
) -> Body:
    """Draw a target of about a quarter of the frame's height, or of 13x13 pixels."""
    area = 13.0**2 if small else (rng.uniform(0.18, 0.28) * min(size)) ** 2
    aspect = rng.uniform(0.65, 1.5)
    half_wh = (0.5 * np.sqrt(area * aspect), 0.5 * np.sqrt(area / aspect))
    side = [max(24, round(2.4 * half)) for half in half_wh]
    front = _texture(rng, (side[0], side[1]), palette, images)
    lumps = rng.uniform(-0.09, 0.09, 4) / (1, 1, 2, 3)
    around = np.concatenate([front[:, ::-1], front], axis=1)  # the back mirrors the front: it wraps around
    around = np.roll(around, -(side[0] // 2), axis=1)
    return Body(half_wh, around, rng.uniform(2.0, 4.5), tuple(lumps), tuple(rng.uniform(0, 2 * np.pi, 4)))


def _target(rng: np.random.Generator, body: Body, size: tuple[int, int], chosen: Sequence[str]) -> Actor:
    """Choose the target's motion; the same numbers are drawn for any attributes, so that these combine."""
    speed = rng.uniform(2.5, 4.0) * max(size) / 320  # pixels a frame at its quickest
    speed = max(speed, *({"MB": 10.0, "OV": 7.0, "FM": 32.0}.get(name, 0.0) for name in chosen), 0.0)
    growth = _GROWTH if "SV" in chosen else 0.0
    reach = float(np.hypot(*body.half_wh)) * np.exp(growth) * (1.23 if "DEF" in chosen else 1.0) + 2
    x = _path(rng, size[0], reach, speed, leaves="OV" in chosen)
    y = _path(rng, size[1], reach, 0.6 * speed)
    start = rng.choice([-1, 1]) * np.pi / 2 + rng.uniform(-0.4, 0.4)  # near its largest or smallest
    scale = Wave(-growth if "LR" in chosen else 0.0, (growth,), (rng.uniform(80, 130),), (start,))
    swing = 1.05 if "IPR" in chosen else 0.0
    angle = Wave(rng.uniform(-0.25, 0.25), (swing,), (rng.uniform(60, 100),), (_phase(rng),))
    bulge = 1.0 if "DEF" in chosen else 0.0
    ellipse = Wave(0.0, (0.15 * bulge,), (rng.uniform(28, 45),), (_phase(rng),))
    trefoil = Wave(0.0, (0.08 * bulge,), (rng.uniform(20, 35),), (_phase(rng),))
    turn = rng.choice([-1, 1]) * 2 * np.pi / rng.uniform(80, 140)
    return Actor(
        body, x, y, scale, angle, (ellipse, trefoil),
        yaw_rate=turn if "OPR" in chosen else None,
        shutter=0.8 if "MB" in chosen else 0.0,
    )  # fmt: skip


def _path(rng: np.random.Generator, side: int, reach: float, speed: float, *, leaves: bool = False) -> Wave:
    """Choose a smooth motion along one axis, inside the frame or out of it on both sides in turn."""
    room = side / 2 + 1.15 * reach if leaves else max(0.0, side / 2 - reach)
    period = max(8.0, 2 * np.pi * 0.9 * room / speed) * rng.uniform(0.9, 1.1)
    phases = (rng.uniform(-0.3, 0.3) + np.pi * rng.integers(2) if leaves else _phase(rng), _phase(rng))
    shares = (1.0, 0.0) if leaves else (0.85, 0.15)
    return Wave(
        (side - 1) / 2,
        (shares[0] * room, shares[1] * room),
        (period, period * rng.uniform(0.3, 0.45)),
        phases,
    )


def _passer(rng: np.random.Generator, body: Body, size: tuple[int, int]) -> Actor:
    speed = rng.uniform(2.0, 4.0) * max(size) / 320
    x = _path(rng, size[0], float(rng.uniform(0, 0.2) * size[0]), speed)
    y = _path(rng, size[1], float(rng.uniform(0.1, 0.3) * size[1]), 0.5 * speed)
    return Actor(body, x, y, angle=Wave(rng.uniform(-0.5, 0.5)))


def _occluder(
    rng: np.random.Generator, body: Body, size: tuple[int, int], textures: Sequence[NDArray[np.uint8]]
) -> Occluder:
    """Make a body of about the target's size that passes in front of the target."""
    half_wh = (0.8 * body.half_wh[0] + 2, 1.0 * body.half_wh[1] + 2)
    palette = random_palette(rng, rng.uniform(), (0.1, 0.6))
    texture = _texture(
        rng, (max(24, round(4 * half_wh[0])), max(24, round(2.4 * half_wh[1]))), palette, textures
    )
    lumps, phases = tuple(rng.uniform(-0.05, 0.05, 4)), tuple(rng.uniform(0, 2 * np.pi, 4))
    front = Body(half_wh, texture, rng.uniform(3.0, 6.0), lumps, phases)
    return Occluder(front, int(rng.integers(70, 110)), 1.2 * size[0])


def _drift(rng: np.random.Generator, side: int, margin: int) -> Wave:
    """Choose the camera's drift along one axis of a background that is ``margin`` pixels wider on each side."""
    periods = (rng.uniform(130, 200), rng.uniform(45, 80))
    return Wave((side - 1) / 2, (0.65 * margin, 0.25 * margin), periods, (_phase(rng), _phase(rng)))


def _light(rng: np.random.Generator) -> tuple[Wave, Wave, Wave]:
    return (
        Wave(-0.15, (0.45, 0.2), (rng.uniform(70, 110), rng.uniform(20, 35)), (_phase(rng), _phase(rng))),
        Wave(0.1, (0.3,), (rng.uniform(50, 90),), (_phase(rng),)),
        Wave(0.0, (0.12,), (rng.uniform(90, 150),), (_phase(rng),)),
    )


def _grain(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw sensor noise of about 2 grey levels, somewhat larger than a frame, around `GRAIN_ZERO`."""
    noise = rng.normal(GRAIN_ZERO, 2.0, (size[1] + 64, size[0] + 96, 3))
    return np.rint(np.clip(noise, 0, 2 * GRAIN_ZERO)).astype(np.uint8)


def _phase(rng: np.random.Generator) -> float:
    return float(rng.uniform(0, 2 * np.pi))
