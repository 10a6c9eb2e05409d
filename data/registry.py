"""Registries of what a config or the command line can ask for by name."""

import importlib
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import Generic, TypeVar

T = TypeVar("T")

_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]*$")


class Registry(Generic[T]):
    """Entries of one kind by name. A new entry is one new file with a decorator in the registry's package.

    >>> BACKBONES = Registry("backbone", "tracker.backbones")  # in tracker/backbones/base.py
    >>> @BACKBONES.register("mobile")  # in tracker/backbones/mobile.py, which nothing else imports
    ... class Mobile: ...

    Looking a name up, or listing the names, imports every module of the package first. The folder is listed each
    time, so that a module added later is found too.

    Args:
        kind: kind of the entries for messages, e.g. ``"tracker"``.
        package: dotted name of the package whose modules register entries, e.g. ``"tracker.presets"``.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Make a decorator that files the decorated class or function under ``name``.

        Raises:
            ValueError: the name is taken, or is not safe as a folder name.
        """
        if not _NAME.match(name):
            raise ValueError(
                f"{self.kind} name becomes a folder and must match {_NAME.pattern}, got {name!r}"
            )

        def file(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered already, by {self._entries[name]!r}")
            self._entries[name] = entry
            return entry

        return file

    def __getitem__(self, name: str) -> T:
        """Return the entry called ``name``.

        Raises:
            ValueError: there is no such entry; the message lists the names and suggests the nearest.
        """
        self._import_modules()
        if name not in self._entries:
            raise ValueError(
                f"unknown {self.kind} {name!r}: {nearest(name, self._entries)}choices are {', '.join(self)}"
            )
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the registered names, sorted."""
        self._import_modules()
        return iter(sorted(self._entries))

    def _import_modules(self) -> None:
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            name = f"{self.package}.{module.name}"
            if name not in sys.modules:
                importlib.invalidate_caches()  # the file may be newer than Python's listing of the folder
                importlib.import_module(name)


def nearest(word: str, choices: Iterable[str]) -> str:
    """The hint ``"did you mean '…'? "``: choices that begin with ``word``, or the one most like it, if there is one."""
    choices = sorted(choices)
    near = [one for one in choices if word and one.startswith(word)] or get_close_matches(
        word, choices, 1, 0.5
    )
    return f"did you mean {' or '.join(map(repr, near[:4]))}? " if near else ""
