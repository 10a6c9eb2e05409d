"""The public API changes on purpose or not at all."""

import sys
import types
from dataclasses import dataclass

from tests.public_api import changes, describe, read


def test_the_public_api_is_the_recorded_one():
    found = changes(read(), describe())
    assert not found, "\n".join(
        ["the public API is not that of tests/public_api.txt:", *found]
        + ["if that is meant: python -m tests.public_api --write, and say so in CHANGELOG.md"]
    )


def test_what_was_added_removed_or_changed_is_said():
    before = ["a.f(x: int) -> int", "a.g()", "a.h"]
    now = ["a.f(x: float) -> int", "a.h", "a.i: dict"]
    assert changes(before, now) == [
        "added:   a.i: dict",
        "removed: a.g()",
        "changed: a.f(x: int) -> int\n     to: a.f(x: float) -> int",
    ]
    assert changes(before, before) == []


class Thing:
    def __init__(self, size: int = 3): ...
    def grow(self, by: float) -> None: ...
    def _hidden(self): ...
    @property
    def area(self): ...
    @classmethod
    def of(cls, text: str): ...


@dataclass
class Record:
    size: int
    name: str = ""


def test_names_methods_and_signatures_are_listed_and_nothing_private(monkeypatch):
    face = types.ModuleType("face")
    vars(face).update({"Thing": Thing, "Record": Record, "LIMITS": {}, "other": print})
    face.__all__ = ["Thing", "Record", "LIMITS"]
    monkeypatch.setitem(sys.modules, "face", face)
    assert describe(["face"]) == [
        "face.LIMITS: dict",
        "face.Record(size: int, name: str = '')",
        "face.Thing(self, size: int=3)",
        "face.Thing.area: property",
        "face.Thing.grow(self, by: float) -> None",
        "face.Thing.of(cls, text: str)",
    ]
