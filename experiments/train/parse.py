"""The options of a training run: of a YAML file and of the command line, parsed by one library.

The arguments of the chosen loss and filter layer are read from their signatures, so that a new one needs no
line here. A file's keys become options that stand before those of the command line: the last one counts, and
both are checked by the same parser.
"""

import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Literal, Union

import tyro

from experiments.config_file import read_config
from experiments.train.command import CheckTraining, LossChoice, ModelChoice, Train


def is_training(arguments: Sequence[str]) -> bool:
    """Whether a command line is parsed by `parse_training`: ``train``, or ``check`` of a config."""
    wants_config = any(argument.split("=")[0] == "--config" for argument in arguments)
    return arguments[:1] == ["train"] or (arguments[:1] == ["check"] and wants_config)


def parse_training(arguments: Sequence[str]) -> Train:
    """The command that a command line of ``train`` or ``check --config`` describes.

    Raises:
        SystemExit: help was asked for, or an option is unknown or of a wrong type; the parser has said so.
        ValueError: an unknown loss or filter, or a config file that is no mapping.
        FileNotFoundError: the config file does not exist.
    """
    command, options = arguments[0], list(arguments[1:])
    file = _config_file(options)
    written = read_config(file) if file else {}
    for section, key, default, arguments_of in (
        ("loss", "name", LossChoice.name, loss_fields),
        ("model", "filter", _default_filter(), filter_fields),
    ):
        chosen = last_value(options, f"--{section}.{key}")
        given = written.get(section)
        named = given.get(key, default) if isinstance(given, Mapping) else default
        if chosen and isinstance(given, Mapping) and named != chosen:
            # Its arguments in the file are another one's.
            own = {name for name, *_ in arguments_of(named)}
            written[section] = {k: v for k, v in given.items() if k not in own and k != key}
    of_file = list(as_options(written))
    schema = schema_for(Train if command == "train" else CheckTraining, [*of_file, *options])
    prog = f"python -m experiments {command}"
    if file:
        _check_file(file, of_file, schema, prog)
    parsed = tyro.cli(schema, args=[*of_file, *options], prog=prog)
    parsed.config = file
    return parsed


def _check_file(file: Path, options: list[str], schema: type[Train], prog: str) -> None:
    """Parse a file's options alone: a mistake in it is one even where the command line overrides it."""
    said = StringIO()
    try:
        with redirect_stderr(said), redirect_stdout(said):
            tyro.cli(schema, args=options, prog=prog)
    except SystemExit:
        if "Missing from" not in said.getvalue():  # what is missing may be on the command line
            print(said.getvalue(), file=sys.stderr, end="")
            print(f"error: that is in the config file {file}", file=sys.stderr)
            raise


def _config_file(options: Sequence[str]) -> Path | None:
    """The file of ``--config``, or on a resume without one the run's own."""
    given = last_value(options, "--config")
    if given:
        return Path(given)
    output = Path(last_value(options, "--output") or Train.output)
    own = output / "config.yaml"
    return own if "--resume" in options and own.is_file() else None


def last_value(options: Sequence[str], name: str) -> str | None:
    """What the last ``name VALUE`` or ``name=VALUE`` of a command line says."""
    found = None
    for index, option in enumerate(options):
        flag, equals, value = option.partition("=")
        if flag == name:
            found = value if equals else next(iter(options[index + 1 : index + 2]), None)
    return found


def as_options(written: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """A mapping as command-line options: ``{"loss": {"a": 10}}`` is ``--loss.a=10``."""
    for key, value in written.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from as_options(value, f"{name}.")
        elif isinstance(value, bool):
            yield f"--{name}" if value else f"--{prefix}no-{key}"
        elif isinstance(value, list | tuple):
            yield f"--{name}"
            yield from map(str, value)
        else:
            yield f"--{name}={value}"


def schema_for(command: type[Train], options: Sequence[str]) -> type[Train]:
    """``command`` with the arguments of the loss and of the filter layer that ``options`` name."""
    from losses.registry import loss_class
    from tracker.network.regression_net import build_regression_net

    loss = last_value(options, "--loss.name") or LossChoice.name
    filter_ = last_value(options, "--model.filter") or _default_filter()
    sections = {
        "loss": _section(LossChoice, [("name", str, loss), *loss_fields(loss)], loss_class(loss)),
        "model": _section(ModelChoice, [*model_fields(), *filter_fields(filter_)], build_regression_net),
    }
    schema = dataclasses.make_dataclass(
        command.__name__, list(sections.items()), bases=(command,), kw_only=True
    )
    schema.__doc__ = command.__doc__
    return schema


def loss_fields(name: str) -> list[tuple[str, Any, Any]]:
    """Name, type and default of each argument of a registered loss that can be written in a file.

    Raises:
        ValueError: there is no such loss, or it is none for response maps.
    """
    from losses.registry import loss_class

    cls = loss_class(name)
    usable = [setting for setting in cls.settings if setting != "class"]
    if not usable:
        raise ValueError(
            f"loss {name!r} cannot train a response map: it is for classes, (N, K) logits; expected one of setting "
            "regress, binary or spatial, e.g. shrinkage, l2, focal, spatial-ce"
        )
    fields = [field for field in signature_fields(cls) if field[0] not in ("reduction", "setting")]
    if len(cls.settings) > 1:
        fields.append(("setting", Literal.__getitem__(tuple(usable)), usable[0]))
    return fields


def model_fields() -> list[tuple[str, Any, Any]]:
    """Arguments of ``build_regression_net``."""
    from tracker.network.regression_net import build_regression_net

    return list(signature_fields(build_regression_net))


def _default_filter() -> str:
    return str(next(default for name, _, default in model_fields() if name == "filter"))


def filter_fields(name: str) -> list[tuple[str, Any, Any]]:
    """Arguments of a registered filter layer."""
    from tracker.network.filter_layers import FILTER_LAYERS

    return list(signature_fields(FILTER_LAYERS[name]))


def signature_fields(thing: Callable[..., Any]) -> Iterator[tuple[str, Any, Any]]:
    """Name, type and default of the arguments whose values a YAML file can hold; others are left out."""
    function = thing.__init__ if isinstance(thing, type) else thing  # type: ignore[misc]
    hints = typing.get_type_hints(function)
    for parameter in inspect.signature(thing).parameters.values():
        written = _writable(hints.get(parameter.name, str))
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) or written in (
            None,
            type(None),
        ):
            continue
        default = dataclasses.MISSING if parameter.default is parameter.empty else parameter.default
        yield parameter.name, written, default


def _writable(hint: Any) -> Any:
    """The part of a type that can be written in a file, None where there is none."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        kept = [written for part in parts if (written := _writable(part)) is not None]
        return Union[tuple(kept)] if kept else None  # noqa: UP007  (of a computed tuple)
    if origin in (list, tuple, Sequence):
        return tuple.__class_getitem__((parts[0], ...))
    if origin is Literal or hint in (int, float, str, bool, type(None)):
        return hint
    return None


def _section(base: type, fields: list[tuple[str, Any, Any]], explained_by: Callable[..., Any]) -> type:
    made = [
        (name, hint) if default is dataclasses.MISSING else (name, hint, dataclasses.field(default=default))
        for name, hint, default in fields
    ]
    section = dataclasses.make_dataclass(base.__name__, made, bases=(base,), kw_only=True)
    # The parser finds each argument's help where the docstring explains it.
    _, heading, explained = (inspect.getdoc(explained_by) or "").partition("\nArgs:\n")
    section.__doc__ = f"{base.__doc__}\n{heading}{explained}"
    return section
