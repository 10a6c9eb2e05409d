"""Settings of a tracker's parts: built from keywords, and recorded beside results.

Every part (filter, solver, scale search …) is a dataclass, or has a dataclass of settings. Its fields are the
settings, with their defaults; they are listed nowhere else.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from data.registry import nearest

Part = TypeVar("Part")


@runtime_checkable
class Configured(Protocol):
    """An object that returns its settings, such as every tracker of this package."""

    def settings(self) -> dict[str, Any]:
        """Return the settings that determine the results, as JSON values."""


def make(part: type[Part], settings: Mapping[str, Any]) -> Part:
    """Make an instance of ``part``, a dataclass, from the ``settings`` that are its fields."""
    return part(**{name: settings[name] for name in setting_names(part) if name in settings})


def setting_names(part: type) -> list[str]:
    """List the settings of ``part``, a dataclass: its fields, in their order."""
    return [field.name for field in fields(part)]


def check_known(settings: Collection[str], parts: Collection[type], others: Collection[str] = ()) -> None:
    """Refuse a setting that none of the parts has.

    Raises:
        ValueError: an unknown name; the message suggests the nearest known name.
    """
    known = {name for part in parts for name in setting_names(part)} | set(others)
    for setting in settings:
        if setting not in known:
            choices = ", ".join(sorted(known))
            raise ValueError(f"unknown setting {setting!r}: {nearest(setting, known)}settings are {choices}")


def describe(thing: Any) -> Any:
    """Describe ``thing`` by JSON values that determine results and are the same in every run.

    A dataclass becomes a dict of its class's name and its fields, a module its text and a checksum of its
    tensors, a tensor its shape and checksum, a tuple a list.

    Raises:
        TypeError: there is no rule for this type.
    """
    if isinstance(thing, Configured) and callable(thing.settings):  # a loss has a tuple named settings
        return thing.settings()
    if is_dataclass(thing):
        return {
            "class": type(thing).__name__,
            **{field.name: describe(getattr(thing, field.name)) for field in fields(thing)},
        }
    if isinstance(thing, nn.Module):
        return {
            "class": type(thing).__name__,
            "text": " ".join(repr(thing).split()),
            "sha256": tensors_sha256(thing.state_dict()),
        }
    if isinstance(thing, Tensor):
        return {"shape": list(thing.shape), "sha256": tensors_sha256({"": thing})}
    if isinstance(thing, tuple | list):
        return [describe(part) for part in thing]
    if thing is None or isinstance(thing, bool | int | float | str):
        return thing
    raise TypeError(
        f"cannot record a {type(thing).__name__} as a setting: make it a dataclass, or give it settings()"
    )


def tensors_sha256(tensors: Mapping[str, Tensor]) -> str | None:
    """Compute the SHA-256 of named tensors in hexadecimal, for any device and memory layout; None without tensors."""
    if not tensors:
        return None
    checksum = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        checksum.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        checksum.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return checksum.hexdigest()
