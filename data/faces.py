"""Faces of packages, whose names are imported when they are asked for: settings load neither torch nor OpenCV."""

import importlib
from collections.abc import Callable
from typing import Any


def lazy_face(package: str, **modules: str) -> tuple[list[str], Callable[[str], Any]]:
    """Make the ``__all__`` and the ``__getattr__`` (PEP 562) of a package.

    Args:
        package: dotted name of the package.
        modules: public name -> the module below the package that defines it.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{modules[name]}"), name)

    return list(modules), get
