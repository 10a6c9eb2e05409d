"""Okabe and Ito's colours, which colour-blind readers can tell apart, for videos, plots and pages."""

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence

Colour = tuple[int, int, int]

GREEN: Colour = (0, 158, 115)
ORANGE: Colour = (230, 159, 0)
BLUE: Colour = (86, 180, 233)
VERMILION: Colour = (213, 94, 0)
PURPLE: Colour = (204, 121, 167)
YELLOW: Colour = (240, 228, 66)
NAVY: Colour = (0, 114, 178)
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
PALETTE: Sequence[Colour] = (GREEN, ORANGE, BLUE, PURPLE, VERMILION, NAVY, YELLOW)

_FIXED = ("fast", "hog", "gray", "dslt", "opencv-csrt", "opencv-nano", "opencv-kcf")
"""Trackers with a colour of their own, in the palette's order: the same one on every page and in every run."""


def colours(names: Iterable[str]) -> dict[str, Colour]:
    """A colour for each name, as far as possible a different one and always the same.

    The best-known trackers have theirs; another name has that which its letters give, or the next that is free.
    """
    names = list(names)
    chosen = {name: PALETTE[_FIXED.index(name)] for name in names if name in _FIXED}
    used = Counter(chosen.values())
    for name in names:
        if name not in chosen:
            first = zlib.crc32(name.encode()) % len(PALETTE)
            turned = (*PALETTE[first:], *PALETTE[:first])
            chosen[name] = min(turned, key=used.__getitem__)
            used[chosen[name]] += 1
    return {name: chosen[name] for name in names}


def repeats(chosen: dict[str, Colour]) -> dict[str, int]:
    """How many names before each have its colour: what else tells them apart, a dash or a mark, goes by that."""
    seen: Counter[Colour] = Counter()
    found = {}
    for name, colour in chosen.items():
        found[name], seen[colour] = seen[colour], seen[colour] + 1
    return found


def as_hex(colour: Colour) -> str:
    """The colour as web pages and matplotlib write it, e.g. ``#009e73``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
