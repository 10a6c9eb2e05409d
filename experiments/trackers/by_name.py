"""A tracker as the benchmark's command line names it, and what its results depend on."""

import inspect
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import nn

from data.files import sha256_of
from experiments.trackers.online import load_with_loss
from experiments.trackers.peers import OPENCV, FromGot10k, OpenCVTracker, load_got10k_tracker
from tracker import Tracker, list_trackers

CHECKPOINT = ".safetensors"
"""How the file of a trained tracker ends."""

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


@dataclass(frozen=True)
class Contender:
    """A tracker that takes part in a benchmark: small enough to be sent to every worker, which builds it.

    Attributes:
        name: Registered name, file of a trained tracker (``.safetensors``), ``opencv-csrt`` and the like, or
            ``module:Class``.
        weights: File of weights; for OpenCV's networks the folder with their files; or None.
        device: ``cpu``, ``cuda``, ``cuda:1`` …
    """

    name: str
    weights: Path | None = None
    device: str = "cpu"

    @property
    def checkpoint(self) -> Path | None:
        """The file of a trained tracker, where the name is one."""
        return Path(self.name) if self.name.endswith(CHECKPOINT) else None

    def build(self) -> Tracker:
        """Build the tracker.

        Raises:
            ValueError: There is no such tracker, or it cannot be built as asked.
            FileNotFoundError: A weights file does not exist.
        """
        if self.checkpoint is not None:
            if self.weights is not None:
                raise ValueError(
                    f"{self.name} holds its own weights, got --weights {self.weights} for it as well"
                )
            return load_with_loss(self.name, device=self.device)
        if ":" in self.name:
            return load_got10k_tracker(self.name)
        if self.name in OPENCV:
            return OpenCVTracker(self.name, self.weights)
        if self.name not in list_trackers():
            raise ValueError(
                f"unknown tracker {self.name!r}: choices are {', '.join([*list_trackers(), *OPENCV])}, a "
                f"trained tracker's file *{CHECKPOINT}, or module:Class for a subclass of got10k's Tracker"
            )
        weights = None if self.weights is None else str(self.weights)
        return load_with_loss(self.name, device=self.device, weights=weights)


class Description:
    """What there is to say of a contender's results, from an instance that is built for it.

    Attributes:
        label: Name of its result folder.
        is_deterministic: The same frames give the same boxes.
        identity: What decides the boxes, as JSON: ``tracker``, ``config`` (the resolved settings) and
            ``checkpoint_sha256`` (of each weights file).

    Raises:
        ValueError, FileNotFoundError: The contender cannot be built, or its name is no folder name.
    """

    def __init__(self, contender: Contender) -> None:
        self._contender = contender
        self._tracker = contender.build()
        foreign = self._tracker.tracker if isinstance(self._tracker, FromGot10k) else None
        self.label = str(foreign.name) if foreign else _label(contender)
        self.is_deterministic = bool(foreign.is_deterministic) if foreign else True
        if not _SAFE_NAME.fullmatch(self.label):
            raise ValueError(
                f"tracker {contender.name} calls itself {self.label!r}, which becomes a folder: expected "
                "letters, digits and _.+- only"
            )

    @cached_property
    def identity(self) -> dict[str, Any]:
        """See the class."""
        identity = {"tracker": self.label, "config": self._config(), "checkpoint_sha256": self._checksums()}
        return json.loads(json.dumps(identity))

    def _config(self) -> dict[str, Any]:
        if isinstance(self._tracker, OpenCVTracker):
            import cv2

            return {"class": OPENCV[self._contender.name], "opencv": cv2.__version__}
        if isinstance(self._tracker, FromGot10k):
            file = inspect.getsourcefile(type(self._tracker.tracker))
            return {"class": self._contender.name, "source_sha256": sha256(Path(file)) if file else None}
        return settings_of(self._tracker)

    def _checksums(self) -> dict[str, str] | str | None:
        if isinstance(self._tracker, OpenCVTracker):
            return {file.name: sha256(file) for file in self._tracker.files.values()} or None
        file = self._contender.checkpoint or self._contender.weights
        return None if file is None else sha256(file)


def _label(contender: Contender) -> str:
    """What a tracker is called: its name, or of a file the run that it is the best of, or its own name."""
    file = contender.checkpoint
    if file is None:
        return contender.name
    return file.absolute().parent.name if file.stem == "best" else file.stem


def settings_of(thing: object) -> dict[str, Any]:
    """Resolved settings of one of our objects: its class, its public numbers and names, its parts' settings."""
    parts = dict(thing.named_children()) if isinstance(thing, nn.Module) else {}
    found: dict[str, Any] = {"class": type(thing).__qualname__}
    for name, value in (vars(thing) | parts).items():
        if name.startswith("_") or name in ("training", "device"):
            continue
        if isinstance(value, int | float | str | tuple) or value is None:
            found[name] = value
        elif isinstance(value, nn.ModuleList):
            found[name] = [settings_of(part) for part in value]
        elif type(value).__module__.startswith(("tracker.", "losses.")):
            found[name] = settings_of(value)
    return found


def sha256(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal.

    Raises:
        FileNotFoundError: There is no such file.
    """
    if not file.is_file():
        raise FileNotFoundError(f"weights file {file} does not exist")
    return sha256_of(file)


def parse_contenders(trackers: str, weights: tuple[str, ...], device: str) -> list[Contender]:
    """Contenders from the command line.

    Args:
        trackers: Names with commas between them.
        weights: ``TRACKER=PATH`` each, or a path for the only tracker.
        device: Where ours run.

    Raises:
        ValueError: No name, a name twice, or weights of a tracker that does not take part.
        FileNotFoundError: A path does not exist.
    """
    names = [name.strip() for name in trackers.split(",") if name.strip()]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"--trackers must be different names with commas between them, got {trackers!r}")
    paths = {}
    for entry in weights:
        name, separator, path = entry.partition("=")
        if not separator and len(names) == 1:
            name, path = names[0], entry
        if name not in names:
            raise ValueError(f"--weights must be TRACKER=PATH with one of {', '.join(names)}, got {entry!r}")
        if not Path(path).exists():
            raise FileNotFoundError(f"weights of {name} do not exist: {path}")
        paths[name] = Path(path).absolute()
    # A file's name is made absolute because another machine's process has another working folder.
    files = {name: str(Path(name).absolute()) for name in names if name.endswith(CHECKPOINT)}
    for name, file in files.items():
        if not Path(file).is_file():
            raise FileNotFoundError(
                f"trained tracker {name} does not exist: expected the file that train wrote"
            )
    return [Contender(files.get(name, name), paths.get(name), device) for name in names]
