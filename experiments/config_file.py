"""Resolved configs: read from YAML, as plain values, and told apart."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

FREE_ON_RESUME = ("data.workers", "data.context", "compute.device")
"""Keys that may differ on a resume: they change the speed, not what is computed."""


def read_config(file: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The mapping in a YAML file, over that of its ``base``: a file beside it that it builds on, if it names one.

    Args:
        file: to read.
        above: the files that build on it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no YAML, or no mapping, or builds on itself.
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
    """``base`` with the values of ``changes``, mappings key by key; another loss has none of the base's arguments."""
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
    """Mappings, lists and scalars as YAML, JSON and a checkpoint hold them."""
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """A line for each key in which two resolved configs differ, but for `FREE_ON_RESUME`."""
    for key in dict.fromkeys([*before, *now]):
        name = f"{prefix}{key}"
        old, new = before.get(key, "absent"), now.get(key, "absent")
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from differences(old, new, f"{name}.")
        elif old != new and name not in FREE_ON_RESUME:
            yield f"{name} was {old!r} and is {new!r}"
