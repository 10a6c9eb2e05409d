"""Colours: different on a page, the same from page to page."""

from experiments.drawing.palette import GREEN, ORANGE, PALETTE, as_hex, colours, repeats


def test_a_tracker_has_its_colour_whoever_stands_beside_it():
    assert colours(["fast", "mine"])["fast"] == colours(["mine", "hog", "fast"])["fast"] == GREEN
    assert colours(["hog"]) == {"hog": ORANGE}
    alone = colours(["mine"])["mine"]
    assert colours(["fast", "mine"])["mine"] in {alone, *PALETTE} - {GREEN}
    assert list(colours("cab")) == ["c", "a", "b"]


def test_colours_differ_until_all_are_used():
    chosen = colours(f"run{number}" for number in range(9))
    assert len(set(chosen.values())) == len(PALETTE) == 7
    assert sorted(repeats(chosen).values()) == [0] * 7 + [1] * 2
    assert as_hex((0, 158, 115)) == "#009e73"
