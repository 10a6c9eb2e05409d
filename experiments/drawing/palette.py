"""Okabe and Ito's colours, told apart by colour-blind readers: the same in videos, plots and pages."""

from collections.abc import Iterable, Sequence
from itertools import cycle

Colour = tuple[int, int, int]

GREEN: Colour = (0, 158, 115)
ORANGE: Colour = (230, 159, 0)
BLUE: Colour = (86, 180, 233)
VERMILION: Colour = (213, 94, 0)
PURPLE: Colour = (204, 121, 167)
WHITE: Colour = (255, 255, 255)
PALETTE: Sequence[Colour] = (GREEN, ORANGE, BLUE, PURPLE, VERMILION)


def colours(names: Iterable[str]) -> dict[str, Colour]:
    """A colour for each name, in their order, the same in videos, plots and pages; after five they repeat."""
    return dict(zip(names, cycle(PALETTE), strict=False))


def as_hex(colour: Colour) -> str:
    """The colour as web pages and matplotlib write it, e.g. ``#009e73``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
