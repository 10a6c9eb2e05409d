"""Formats of annotations, and functions that write and read tracks in any of them."""

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from data.files import write_text
from data.registry import Registry
from data.track_result import TrackResult


class Format(ABC):
    """A format, which turns tracks into text files and text files into tracks.

    A format holds no state. Its docstring names the properties of a track that it does not store.
    """

    needs_frame_wh: ClassVar[bool] = False
    """The format states the size of the frames or gives coordinates relative to it."""

    @abstractmethod
    def render(self, results: Sequence[TrackResult]) -> dict[str, str]:
        """Make the files of ``results`` as relative path -> text; `write_tracks` checks the results before."""

    @abstractmethod
    def parse(self, path: Path) -> list[TrackResult]:
        """Read the tracks of ``path``, a file or folder as `render` names them.

        Raises:
            OSError: The path cannot be read.
            ValueError: The content has another format; the message says where.
        """


FORMATS: Registry[type[Format]] = Registry("format", "data.formats")
"""Name -> format; each file of this folder registers its own."""


def write_tracks(folder: str | Path, format: str, results: Sequence[TrackResult]) -> list[Path]:
    """Write tracks of one video into ``folder``, each file complete or not at all.

    Args:
        folder: Created if it does not exist; files of the same names are replaced.
        format: One of `list_formats`.
        results: The targets; their names must differ.

    Returns:
        The files written.

    Raises:
        ValueError: The format is unknown, there is no result, names repeat, or the format needs the size of
            the frames and a result has none.
        OSError: The folder cannot be written.
    """
    files = render_tracks(format, results)
    paths = [Path(folder, name) for name in files]
    for path, text in zip(paths, files.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    return paths


def render_tracks(format: str, results: Sequence[TrackResult]) -> dict[str, str]:
    """Make the files of `write_tracks` as relative path -> text; raises the same ``ValueError``."""
    chosen = FORMATS[format]()
    if not results:
        raise ValueError(f"there is no track to write as {format}: expected at least one")
    if repeated := [name for name, times in Counter(one.name for one in results).items() if times > 1]:
        raise ValueError(f"targets written together must have different names, got {repeated[0]!r} twice")
    unknown = [one.name for one in results if one.frame_wh is None]
    if chosen.needs_frame_wh and unknown:
        raise ValueError(f"format {format} states the size of the frames, which is unknown of {unknown[0]!r}")
    return chosen.render(results)


def read_tracks(path: str | Path, format: str) -> list[TrackResult]:
    """Read the tracks of a file or folder.

    Args:
        path: A file of `write_tracks` or another tool; for ``otb`` and ``got10k`` also its folder.
        format: One of `list_formats`.

    Raises:
        FileNotFoundError: There is no such path.
        ValueError: The format is unknown, or the path holds something else.
    """
    chosen, path = FORMATS[format](), Path(path)
    if not path.exists():
        raise FileNotFoundError(f"annotations do not exist: {path}")
    try:
        return chosen.parse(path)
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text file: expected annotations in format {format}") from None
    except IsADirectoryError:
        raise ValueError(f"{path} is a folder: format {format} is read from one of its files") from None


def safe_file_name(name: str) -> str:
    """Turn a target's name into a file name of letters, digits and ``_.-`` that stays in its folder.

    >>> safe_file_name("../red car")
    'red_car'
    """
    kept = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)
    return kept.strip("._") or "target"


def unique_file_names(results: Sequence[TrackResult]) -> list[str]:
    """Return `safe_file_name` of each result, numbered if two would be the same."""
    names: list[str] = []
    for one in results:
        base = name = safe_file_name(one.name)
        number = 2
        while name in names:
            name, number = f"{base}_{number}", number + 1
        names.append(name)
    return names


def list_formats() -> list[str]:
    """List the names of all formats, sorted."""
    return list(FORMATS)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ValueError: The file is no JSON; the message names file and line.
    """
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is no JSON: {error.msg} in line {error.lineno}") from error
