"""The public API as text: ``python -m tests.public_api --write`` after a change that is meant."""

import ast
import dataclasses
import importlib
import inspect
import re
import sys
import textwrap
from pathlib import Path

FILE = Path(__file__).with_name("public_api.txt")
FACES = ("data", "data.datasets", "data.pairs", "data.synthetic", "data.video", "losses", "tracker")
HEADER = "# The public names and their signatures, written by `python -m tests.public_api --write`.\n"


def describe(faces=FACES):
    """A line for every public name of the faces, and for every public method and property of a class, sorted."""
    lines = []
    for face in faces:
        module = importlib.import_module(face)
        for name in module.__all__:
            lines += _of(f"{face}.{name}", getattr(module, name))
    return sorted(lines)


def changes(recorded, found):
    """Lines that say what was added, removed or changed; none if nothing was."""
    before, now = ({_name(line): line for line in lines} for lines in (recorded, found))
    return [
        *(f"added:   {now[name]}" for name in sorted(now.keys() - before.keys())),
        *(f"removed: {before[name]}" for name in sorted(before.keys() - now.keys())),
        *(
            f"changed: {before[name]}\n     to: {now[name]}"
            for name in sorted(now.keys() & before.keys())
            if now[name] != before[name]
        ),
    ]


def read():
    """The recorded lines."""
    return [line for line in FILE.read_text("utf-8").splitlines() if not line.startswith("#")]


def _name(line):
    return re.match(r"[\w.]+", line)[0]


def _of(name, thing):
    if inspect.isclass(thing):
        yield f"{name}{_fields(thing)}"
        for attribute, value in vars(thing).items():
            if not attribute.startswith("_"):
                yield from _member(f"{name}.{attribute}", value)
    elif inspect.isfunction(thing):
        yield f"{name}{_signature(thing)}"
    else:
        yield f"{name}: {type(thing).__name__}"


def _member(name, value):
    if isinstance(value, property):
        yield f"{name}: property"
    elif isinstance(value, classmethod | staticmethod):
        yield f"{name}{_signature(value.__func__)}"
    elif inspect.isfunction(value):
        yield f"{name}{_signature(value)}"


def _fields(cls):
    """What a class is built from: its fields if its ``__init__`` is made of them, else the arguments of that."""
    if dataclasses.is_dataclass(cls) or hasattr(cls, "_fields"):
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0].body
        return f"({', '.join(ast.unparse(line) for line in body if isinstance(line, ast.AnnAssign))})"
    if getattr(cls, "_is_protocol", False) or not inspect.isfunction(cls.__init__):
        return "()"
    return _signature(cls.__init__)


def _signature(function):
    """As it is written in the source: types as objects are spelled otherwise by every version of Python and NumPy."""
    node = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"({ast.unparse(node.args)}){returns}"


if __name__ == "__main__":
    found = describe()
    if sys.argv[1:] == ["--write"]:
        FILE.write_text(HEADER + "".join(f"{line}\n" for line in found), "utf-8")
    elif sys.argv[1:]:
        sys.exit("usage: python -m tests.public_api [--write]")
    sys.stdout.write("\n".join(changes(read(), found)) or "public_api.txt is up to date")
    sys.stdout.write("\n")
