"""Registries: names are safe, unique, and a typo is helped."""

import pytest

from data.registry import Registry


@pytest.fixture
def registry():
    registry = Registry("tracker")
    registry.register("hog")(1)
    registry.register("gray")(2)
    return registry


def test_things_are_found_by_name(registry):
    assert registry["hog"] == 1
    assert list(registry) == ["gray", "hog"]


def test_a_typo_gets_the_nearest_name_and_the_choices(registry):
    with pytest.raises(
        ValueError, match="unknown tracker 'hogg': did you mean 'hog'\\? choices are gray, hog"
    ):
        registry["hogg"]


def test_a_name_is_taken_once(registry):
    with pytest.raises(ValueError, match="'hog' is registered already"):
        registry.register("hog")(3)


@pytest.mark.parametrize("name", ["Hog", "a b", "../x", "", "-x"])
def test_a_name_must_be_safe_as_a_folder(registry, name):
    with pytest.raises(ValueError, match="becomes a folder"):
        registry.register(name)
