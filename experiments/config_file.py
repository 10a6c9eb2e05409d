"""Configs: reading YAML files, plain values, and the differences of two configs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

FREE_ON_RESUME = ("data.workers", "data.context", "compute.device")
"""Keys that may differ on a resume: they change the speed, not what is computed."""


def read_config(file: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read the mapping in a YAML file, over the mapping of the file that its key ``base`` names, if it has one.

    Args:
        file: the file; ``base`` is relative to its folder.
        above: the files that build on it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no YAML, no mapping, or builds on itself.
    """
    if not file.is_file():
        asked = f" (base of {above[-1]})" if above else ""
        raise FileNotFoundError(f"config file {file}{asked} does not exist")
    if file.resolve() in above:
        raise ValueError(f"config file {file} builds on itself by its base: {above[-1]}")
    try:
        written = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"config file {file} is not YAML: {error}") from error
    if not isinstance(written, dict):
        raise ValueError(f"config file {file} must hold a mapping of options, got {type(written).__name__}")
    base = written.pop("base", None)
    if base is None:
        return written
    return _over(read_config(file.parent / str(base), (*above, file.resolve())), written)


def _over(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Merge ``changes`` into ``base``, mappings key by key; another loss inherits none of the base's arguments."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping) and not _another_loss(key, old, value):
            value = _over(old, value)
        merged[key] = value
    return merged


def _another_loss(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return key == "loss" and new.get("name", old.get("name")) != old.get("name")


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
