"""Name -> thing registries: what a config or the command line can ask for by name."""

import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Generic, TypeVar

T = TypeVar("T")

_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]*$")


class Registry(Generic[T]):
    """Things of one kind by name, filled by a decorator.

    Args:
        kind: what is registered, for messages, e.g. ``"tracker"``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that files the decorated thing under ``name``.

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
        """The entry called ``name``; an unknown name lists the choices and the nearest one."""
        if name not in self._entries:
            near = get_close_matches(name, self._entries, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(f"unknown {self.kind} {name!r}: {hint}choices are {', '.join(self)}")
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))
