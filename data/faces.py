"""Faces of packages, whose names are imported when they are asked for: settings load neither torch nor OpenCV.

What a face has stands once, as imports in the ``__init__.pyi`` beside it, which type checkers and editors read. All
names are there at once where the environment has ``EAGER_IMPORT``. (Both are Scientific Python's SPEC 1.)
"""

import ast
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def lazy_face(package: str, file: str) -> tuple[list[str], Callable[[str], Any]]:
    """Make the ``__all__`` and the ``__getattr__`` (PEP 562) of a package from its stub.

    Args:
        package: dotted name of the package.
        file: its ``__init__.py``; the stub beside it holds lines ``from package.module import Name as Name``.
    """
    lines = ast.parse(Path(file).with_suffix(".pyi").read_text(encoding="utf-8")).body
    modules = {
        name.name: one.module for one in lines if isinstance(one, ast.ImportFrom) for name in one.names
    }

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(str(modules[name])), name)

    if os.environ.get("EAGER_IMPORT"):
        vars(sys.modules[package]).update({name: get(name) for name in modules})
    return list(modules), get
