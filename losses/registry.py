"""Losses by name. A new loss is one new file in this folder with the decorator ``register_loss``."""

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, TypeVar

from torch import Tensor

from losses.base import SETTINGS, Loss
from losses.checks import choice
from losses.counts import count_labels

LossClass = TypeVar("LossClass", bound=type[Loss])

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_LOSSES: dict[str, type[Loss]] = {}


def register_loss(name: str) -> Callable[[LossClass], LossClass]:
    """Make a class decorator that files a loss under ``name``, for ``build_loss(name)``.

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
    """List the names of all losses, sorted; with ``setting``, only the losses that can be built for it.

    Raises:
        ValueError: there is no such setting.

    >>> list_losses("spatial")
    ['cdt', 'label-smoothing', 'seql', 'spatial-ce']
    """
    _import_modules()
    if setting is None:
        return sorted(_LOSSES)
    choice("setting", setting, SETTINGS)
    return sorted(name for name, loss in _LOSSES.items() if setting in loss.settings)


def loss_class(name: str) -> type[Loss]:
    """Return the class that is registered under ``name``.

    Raises:
        ValueError: there is no such loss; the message lists the names and suggests the closest.
    """
    _import_modules()
    if name not in _LOSSES:
        raise ValueError(
            f"unknown loss {name!r}, expected one of {', '.join(sorted(_LOSSES))}{_nearest(name, _LOSSES)}"
        )
    return _LOSSES[name]


def build_loss(name: str, **arguments: Any) -> Loss:
    """Build a loss from its name and the arguments of its constructor.

    Raises:
        ValueError: the name is unknown, or a value is out of its range.
        TypeError: an argument is unknown or missing; the message shows the signature.

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


def map_settings(name: str) -> tuple[str, ...]:
    """Return the settings in which a loss takes a response map; the first is the one to use by default.

    Raises:
        ValueError: there is no such loss, or it takes class logits only; the message says where it works.
    """
    usable = tuple(setting for setting in loss_class(name).settings if setting != "class")
    if not usable:
        raise ValueError(
            f"loss {name!r} cannot train a response map: it takes class logits (N, K) and works in Python, "
            f"build_loss({name!r}, ...)(logits, classes); for maps choose e.g. shrinkage, l2, focal, spatial-ce"
        )
    return usable


def build_map_loss(name: str, labels: Callable[[], Iterable[Tensor]] | None = None, **arguments: Any) -> Loss:
    """Build a loss for response maps, and take the counts it needs from the labels of the training set.

    Args:
        name: of the loss.
        labels: makes batches of label maps ``(N, 1, H, W)``, all of the response's size. It is called only
            if the loss needs ``counts`` (``cdt``, ``seql``) and none are given.
        **arguments: of the loss's constructor. ``setting`` defaults to the first of ``map_settings(name)``.

    Raises:
        ValueError: the loss takes no response map, or a value is out of its range.
        TypeError: an argument is unknown, or ``counts`` are needed and there are no ``labels`` to count.

    Example:
        >>> import torch
        >>> peaks = torch.eye(4).view(4, 1, 2, 2)[[0, 0, 3]]
        >>> build_map_loss("cdt", lambda: [peaks]).counts
        tensor([2, 1, 1, 1])
    """
    usable = map_settings(name)
    parameters = inspect.signature(loss_class(name)).parameters
    if "setting" in parameters:
        arguments = {"setting": usable[0], **arguments}
        choice("setting", arguments["setting"], usable)
    counts = parameters.get("counts")
    if counts is not None and counts.default is counts.empty and arguments.get("counts") is None and labels:
        arguments["counts"] = count_labels(labels(), arguments["setting"])
    return build_loss(name, **arguments)


def _nearest(word: str, choices: Iterable[str]) -> str:
    close = get_close_matches(word.lower(), list(choices), n=1, cutoff=0.0)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _import_modules() -> None:
    """Import every module of this package, so that its losses register themselves.

    The folder is listed on each call: a file that appears later is found too.
    """
    assert __package__
    package = sys.modules[__package__]
    for module in pkgutil.iter_modules(package.__path__):
        name = f"{__package__}.{module.name}"
        if name not in sys.modules:
            importlib.invalidate_caches()  # the file may be newer than Python's listing of the folder
            importlib.import_module(name)
