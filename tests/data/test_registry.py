"""Registries: a new file is all that a new entry needs; names are safe, unique, and a typo is helped."""

import sys

import pytest

from data.registry import Registry, nearest

ENTRIES = """
from rooms_of_a_test.base import TRACKERS

@TRACKERS.register("{name}")
def {name}():
    return "{name}"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A package of two entries in two files, neither of which anything imports."""
    folder = tmp_path / "rooms_of_a_test"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "base.py").write_text(
        'from data.registry import Registry\nTRACKERS = Registry("tracker", "rooms_of_a_test")\n'
    )
    for name in ("hog", "gray"):
        (folder / f"{name}.py").write_text(ENTRIES.format(name=name))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for module in [name for name in sys.modules if name.split(".")[0] == "rooms_of_a_test"]:
        del sys.modules[module]


@pytest.fixture
def registry(folder):
    import rooms_of_a_test.base

    return rooms_of_a_test.base.TRACKERS


def test_entries_are_found_by_name_though_nothing_imports_their_files(registry):
    assert registry["hog"]() == "hog"
    assert list(registry) == ["gray", "hog"]
    assert "gray" in registry
    assert "csrt" not in registry


def test_making_a_registry_imports_nothing(registry):
    assert "rooms_of_a_test.hog" not in sys.modules
    registry["hog"]
    assert "rooms_of_a_test.hog" in sys.modules


def test_a_file_that_appears_later_is_found_too(registry, folder):
    assert "csrt" not in registry
    (folder / "csrt.py").write_text(ENTRIES.format(name="csrt"))
    assert list(registry) == ["csrt", "gray", "hog"]


def test_a_file_that_cannot_be_imported_says_so(registry, folder):
    (folder / "broken.py").write_text("import no_such_module_at_all\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        registry["hog"]


def test_a_typo_gets_the_nearest_name_and_the_choices(registry):
    with pytest.raises(
        ValueError, match="unknown tracker 'hogg': did you mean 'hog'\\? choices are gray, hog"
    ):
        registry["hogg"]


def test_a_name_is_taken_once(registry):
    assert "hog" in registry
    with pytest.raises(ValueError, match="'hog' is registered already"):
        registry.register("hog")(3)


@pytest.mark.parametrize("name", ["Hog", "a b", "../x", "", "-x"])
def test_a_name_must_be_safe_as_a_folder(name):
    with pytest.raises(ValueError, match="becomes a folder"):
        Registry("tracker", "rooms_of_a_test").register(name)


def test_a_word_like_none_of_the_choices_gets_no_hint():
    assert nearest("hgo", ["gray", "hog"]) == "did you mean 'hog'? "
    assert nearest("zzz", ["gray", "hog"]) == ""
