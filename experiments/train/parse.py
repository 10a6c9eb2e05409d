"""Options of a training run -> `TrainingSettings`: defaults < YAML file < command line.

Tyro parses the options that the settings declare. Other options ``--loss.X`` and ``--model.X`` are arguments of the
chosen loss and filter layer: they are read as YAML and checked against its constructor, so that a new loss needs no
line here.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import fields, replace
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from experiments.config_file import parse_yaml, read_config
from experiments.train.settings import OPEN, Arguments, LossSettings, ModelSettings, TrainingSettings

AnyCommand = TypeVar("AnyCommand")

NOT_OPTIONS = ("reduction", "generator")
"""Arguments of losses that training chooses, or that cannot be written as text."""

_DECLARED = {
    "loss": {field.name for field in fields(LossSettings)},
    "model": {field.name for field in fields(ModelSettings)} | {"no_box_head"},
}


def parse(
    command: type[AnyCommand],
    options: Sequence[str],
    config: str | None,
    prog: str,
    base: TrainingSettings | None = None,
) -> AnyCommand:
    """A command with a field ``settings``, over those of the file ``config`` or of ``base``, and a field ``config``.

    Raises:
        SystemExit: help was asked for, or an option is unknown or of a wrong type; the parser has said so.
        ValueError: an unknown loss, filter or argument of theirs, or a config file that is no mapping.
        FileNotFoundError: the config file does not exist.
    """
    import tyro

    file = None if config is None else Path(config)
    base = read_settings(file) if file else base or TrainingSettings()
    declared, arguments = _split(options)
    names = [option(declared, flag) or "" for flag in ("--loss.name", "--model.filter")]
    help = describe_arguments(names[0] or base.loss.name, names[1] or base.model.filter)
    parsed: Any = tyro.cli(
        command,
        args=declared,
        default=command(config=file, settings=base),  # type: ignore[call-arg]
        prog=prog,
        description=f"{inspect.getdoc(command)}\n\n{help}",
        config=(tyro.conf.SuppressFixed,),
    )
    parsed.config = file
    parsed.settings = _with_arguments(parsed.settings, base, arguments)
    found: AnyCommand = parsed
    return found


def read_settings(file: Path) -> TrainingSettings:
    """Read the settings in a YAML file: a config, or the ``config.yaml`` of a run.

    Raises:
        ValueError, FileNotFoundError: as `parse`; the file is named.
    """
    written = read_config(file)
    said = StringIO()
    try:
        with redirect_stderr(said), redirect_stdout(said):
            return settings_from(written)
    except SystemExit:
        words = re.sub(r"[\u2500-\u257f]+", " ", said.getvalue()).partition("For full helptext")[0]
        raise ValueError(f"{' '.join(words.split())}; that is in the config file {file}") from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{error}; that is in the config file {file}") from None


def settings_from(written: Mapping[str, Any]) -> TrainingSettings:
    """Convert a mapping of `as_mapping` back to settings; what is missing gets its default."""
    import tyro

    declared, arguments = dict(written), {}
    for section in OPEN:
        given = written.get(section)
        if isinstance(given, Mapping):
            arguments[section] = {k: v for k, v in given.items() if k not in _DECLARED[section]}
            declared[section] = {k: v for k, v in given.items() if k in _DECLARED[section]}
    settings = tyro.cli(TrainingSettings, args=list(as_options(declared)), prog="config")
    return _with_arguments(settings, TrainingSettings(), arguments)


def complete(settings: TrainingSettings) -> TrainingSettings:
    """Fill in the defaults of the arguments of loss and filter layer.

    Raises:
        ValueError: a loss, a filter or one of their arguments is unknown.
    """
    return _with_arguments(settings, settings, {})


def option(options: Sequence[str], name: str) -> str | None:
    """The value of the last ``name VALUE`` or ``name=VALUE`` of a command line."""
    found = None
    for index, token in enumerate(options):
        flag, equals, value = token.partition("=")
        if flag == name:
            found = value if equals else next(iter(options[index + 1 : index + 2]), None)
    return found


def as_options(written: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Convert a mapping to command-line options: ``{"loss": {"name": "l2"}}`` gives ``--loss.name=l2``."""
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


def _split(options: Sequence[str]) -> tuple[list[str], dict[str, dict[str, Any]]]:
    """Split a command line into the options that the settings declare, and arguments of loss and model."""
    declared: list[str] = []
    arguments: dict[str, dict[str, Any]] = {section: {} for section in OPEN}
    values: list[str] | None = None  # the values of the argument that is being read
    read: list[tuple[str, str, list[str]]] = []
    for token in options:
        if token.startswith("-") and not _is_number(token):
            flag, equals, value = token.partition("=")
            section, _, key = flag.removeprefix("--").replace("-", "_").partition(".")
            values = None
            if key and section in OPEN and key not in _DECLARED[section]:
                values = [value] if equals else []
                read.append((section, key, values))
                continue
        if values is None:
            declared.append(token)
        else:
            values.append(token)
    for section, key, texts in read:
        found = [_value(text) for text in texts] or [True]
        arguments[section][key] = found if len(found) > 1 else found[0]
    return declared, arguments


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _value(text: str) -> Any:
    return None if text == "None" else parse_yaml(text, f"value {text!r}")


def _with_arguments(
    settings: TrainingSettings, base: TrainingSettings, given: Mapping[str, Mapping[str, Any]]
) -> TrainingSettings:
    """Fill in the arguments of loss and filter layer: given ones, else those of ``base`` for the same name."""
    loss, model = settings.loss, settings.model
    of_base = base.loss.arguments if loss.name == base.loss.name else {}
    loss = replace(loss, arguments=_checked("loss", loss.name, {**of_base, **given.get("loss", {})}))
    of_base = base.model.arguments if model.filter == base.model.filter else {}
    model = replace(model, arguments=_checked("model", model.filter, {**of_base, **given.get("model", {})}))
    return replace(settings, loss=loss, model=model)


def _checked(section: str, name: str, given: Mapping[str, Any]) -> Arguments:
    """All arguments of a loss or filter layer in the constructor's order: given ones, else defaults.

    Raises:
        ValueError: the constructor has no such argument, or its value must be a number and is not.
    """
    known = loss_arguments(name) if section == "loss" else filter_arguments(name)
    for key, value in given.items():
        if key not in known:
            near = get_close_matches(key, known, 1, 0)
            hint = f"did you mean --{section}.{near[0]}? " if near else ""
            shown = ", ".join(f"--{section}.{one} ({_shown(default)})" for one, default in known.items())
            raise ValueError(
                f"unknown option --{section}.{key}: {hint}{name} takes {shown or 'no arguments'}"
            )
        known[key] = _as_number(f"--{section}.{key}", value, known[key])
    return Arguments((key, value) for key, value in known.items() if value is not inspect.Parameter.empty)


def _as_number(name: str, value: Any, default: Any) -> Any:
    """Convert a value to the type of a default that is a number (YAML takes 1e-3 for text)."""
    if value is None or type(default) not in (int, float):
        return float(value) if isinstance(value, str) and _is_number(value) else value
    try:
        number = float(value)
        if isinstance(value, bool) or (isinstance(default, int) and number != int(number)):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        kind = "a number" if isinstance(default, float) else "a whole number"
        raise ValueError(f"{name} must be {kind}, got {value!r}") from None
    return type(default)(number)


def loss_arguments(name: str) -> dict[str, Any]:
    """Arguments of a registered loss and their defaults, `inspect.Parameter.empty` if an argument has none.

    Raises:
        ValueError: there is no such loss, or it is not for response maps.
    """
    from losses.registry import loss_class, map_settings

    usable, cls = map_settings(name), loss_class(name)
    found = _arguments(cls)
    if len(cls.settings) > 1:
        found["setting"] = usable[0]
    else:
        found.pop("setting", None)
    return found


def filter_arguments(name: str) -> dict[str, Any]:
    """Arguments of a registered filter layer and their defaults."""
    from tracker.network.filter_layers import FILTER_LAYERS

    return _arguments(FILTER_LAYERS[name])


def _arguments(constructor: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(constructor).parameters.values()
    return {one.name: one.default for one in parameters if one.name not in NOT_OPTIONS}


def describe_arguments(loss: str, filter: str) -> str:
    """Describe the arguments of a loss and of a filter layer in the words of their docstrings."""
    from losses.registry import loss_class
    from tracker.network.filter_layers import FILTER_LAYERS

    lines = []
    for section, name, known, cls in (
        ("loss", loss, loss_arguments(loss), loss_class(loss)),
        ("model", filter, filter_arguments(filter), FILTER_LAYERS[filter]),
    ):
        lines.append(f"Arguments of {section} {name}:")
        lines += [f"  --{section}.{key} ({_shown(default)})" for key, default in known.items()] or ["  none"]
        _, heading, explained = (inspect.getdoc(cls) or "").partition("\nArgs:\n")
        lines += [f"  {line}" for line in explained.partition("\n\n")[0].splitlines()] if heading else []
    return "\n".join(lines)


def _shown(default: Any) -> str:
    return "required" if default is inspect.Parameter.empty else f"default {default}"
