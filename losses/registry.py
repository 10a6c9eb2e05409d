"""Losses by name: a new file in this folder is all that a new loss needs."""

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, TypeVar

from losses.base import SETTINGS, Loss
from losses.checks import choice

LossClass = TypeVar("LossClass", bound=type[Loss])

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_LOSSES: dict[str, type[Loss]] = {}


def register_loss(name: str) -> Callable[[LossClass], LossClass]:
    """Class decorator: make a loss available as ``build_loss(name)``.

    Raises:
        ValueError: the name is taken, or does not match ``[a-z0-9][a-z0-9_-]*`` (names become folders).
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"loss name must match {_NAME.pattern}, got {name!r}")

    def register(loss: LossClass) -> LossClass:
        if name in _LOSSES:
            owner = _LOSSES[name]
            raise ValueError(
                f"loss {name!r} is already registered by {owner.__module__}.{owner.__qualname__}: "
                "choose another name"
            )
        _LOSSES[name] = loss
        return loss

    return register


def list_losses(setting: str | None = None) -> list[str]:
    """Names of all losses, sorted; with ``setting`` only those that can be built for it.

    >>> list_losses("spatial")
    ['cdt', 'label-smoothing', 'seql', 'spatial-ce']
    """
    _import_families()
    if setting is None:
        return sorted(_LOSSES)
    choice("setting", setting, SETTINGS)
    return sorted(name for name, loss in _LOSSES.items() if setting in loss.settings)


def loss_class(name: str) -> type[Loss]:
    """The class registered under ``name``.

    Raises:
        ValueError: no such loss; the message lists the choices and the closest one.
    """
    _import_families()
    if name not in _LOSSES:
        raise ValueError(
            f"unknown loss {name!r}, expected one of {', '.join(sorted(_LOSSES))}{_nearest(name, _LOSSES)}"
        )
    return _LOSSES[name]


def build_loss(name: str, **arguments: Any) -> Loss:
    """Build a loss from its name and the arguments of its constructor.

    Raises:
        ValueError: unknown name, or a value out of its range.
        TypeError: unknown or missing argument; the message shows the signature.

    Example:
        >>> build_loss("shrinkage", c=0.3, reduction="sum")
        Shrinkage(a=10.0, c=0.3, importance='exp', reduction='sum')
    """
    loss = loss_class(name)
    signature = inspect.signature(loss)
    shown = f"{name}{str(signature).partition(' -> ')[0]}"
    for argument in arguments:
        if argument not in signature.parameters:
            nearest = _nearest(argument, signature.parameters)
            raise TypeError(f"loss {name!r} has no argument {argument!r}{nearest}; its signature is {shown}")
    for argument, parameter in signature.parameters.items():
        if parameter.default is parameter.empty and argument not in arguments:
            raise TypeError(f"loss {name!r} needs the argument {argument!r}; its signature is {shown}")
    return loss(**arguments)


def _nearest(word: str, choices: Iterable[str]) -> str:
    close = get_close_matches(word.lower(), list(choices), n=1, cutoff=0.0)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _import_families() -> None:
    """Import every module of this package, so that its losses register themselves.

    Looked at on each call (it lists one small folder): a file that appears later is found too.
    """
    assert __package__
    package = sys.modules[__package__]
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{__package__}.{module.name}")
