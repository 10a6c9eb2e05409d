"""Configs: reading YAML files, plain values, and the differences of two configs."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from data.files import read_text

MAX_BYTES = 4 * 2**20
"""Of a config file."""

MAX_VALUES, MAX_DEPTH = 100_000, 10
"""Values that a config may hold, aliases counted each time, and levels of them."""

FREE_ON_RESUME = ("data.workers", "data.context", "compute.device")
"""Keys that may differ on a resume: they change the speed, not what is computed."""


def read_config(file: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The mapping in a YAML file, over that of its ``base``: a file beside it that it builds on, if it names one.

    Args:
        file: to read.
        above: the files that build on it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no YAML, or no mapping, is larger than `MAX_BYTES` or `MAX_VALUES`, or builds on itself.
    """
    try:
        found = file.is_file()
    except OSError:  # a name that is too long
        found = False
    if not found:
        asked = f" (base of {above[-1]})" if above else ""
        raise FileNotFoundError(f"config file {file}{asked} does not exist")
    if file.resolve() in above:
        raise ValueError(f"config file {file} builds on itself by its base: {above[-1]}")
    written = parse_yaml(read_text(file, "config file", MAX_BYTES), f"config file {file}")
    if not isinstance(written, dict):
        raise ValueError(f"config file {file} must hold a mapping of options, got {type(written).__name__}")
    base = written.pop("base", None)
    if base is None:
        return written
    return _over(read_config(file.parent / str(base), (*above, file.resolve())), written)


def parse_yaml(text: str, where: str) -> Any:
    """The plain values of a YAML text; in its words ``~`` is the home folder and ``$NAME`` the variable.

    Args:
        text: to parse.
        where: it stands, for the message.

    Raises:
        ValueError: it is no YAML, or stands for more than `MAX_VALUES` values or `MAX_DEPTH` levels.
    """
    try:
        parsed = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = getattr(error, "problem", None) or str(error).partition("\n")[0]
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise ValueError(f"{where} is not YAML: {' '.join(reason.split())[:200]}{line}") from None
    return _bounded(parsed, where, MAX_DEPTH, [MAX_VALUES])


def _bounded(value: Any, where: str, depth: int, left: list[int]) -> Any:
    """A copy of parsed values, of which aliases make many out of a few bytes."""
    left[0] -= 1
    if depth < 0 or left[0] < 0:
        raise ValueError(f"{where} must hold at most {MAX_VALUES} values in {MAX_DEPTH} levels")
    if isinstance(value, dict):
        return {key: _bounded(one, where, depth - 1, left) for key, one in value.items()}
    if isinstance(value, list):
        return [_bounded(one, where, depth - 1, left) for one in value]
    return expand(value) if isinstance(value, str) else value


def expand(text: str) -> str:
    """A text as a shell would give it, for paths behind ``:``, ``=`` and ``,`` too: ``folder:~/clips``, ``$DATA``.

    A variable that is not set stays as it is.
    """
    return os.path.expandvars(re.sub(r"(?:^|(?<=[:=,]))~(?=/|$)", lambda _: str(Path.home()), text))


def _over(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Merge ``changes`` into ``base``, mappings key by key; another loss inherits none of the base's arguments."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            another_loss = key == "loss" and value.get("name", old.get("name")) != old.get("name")
            value = value if another_loss else _over(old, value)
        merged[key] = value
    return merged


def plain(value: Any) -> Any:
    """Convert to mappings, lists and scalars, which YAML, JSON and a checkpoint can hold."""
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield a line for each key in which two configs differ, except `FREE_ON_RESUME`."""
    for key in dict.fromkeys([*before, *now]):
        name = f"{prefix}{key}"
        old, new = before.get(key, "absent"), now.get(key, "absent")
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from differences(old, new, f"{name}.")
        elif old != new and name not in FREE_ON_RESUME:
            yield f"{name} was {old!r} and is {new!r}"
