"""Trackers by name: ours with the loss that they learn with on line, trained ones, OpenCV's, got10k's."""

import inspect
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from data.files import printable, sha256_of
from data.registry import nearest
from experiments.trackers.online_loss import online_criterion, parse_loss
from experiments.trackers.peers import (
    OPENCV,
    FromGot10k,
    OpenCVTracker,
    TrackerUnavailable,
    load_got10k_tracker,
)
from losses import build_loss
from tracker import Tracker, list_trackers, load_tracker
from tracker.presets.nano import FILES as NANO_FILES
from tracker.settings import Configured

CHECKPOINT = ".safetensors"
"""Suffix of a trained tracker's file."""

FILES = (CHECKPOINT, ".onnx")
"""How the file of a tracker ends, trained or exported."""

ONLINE_LOSSES: dict[str, dict[str, Any]] = {
    "dslt-paper": {"name": "shrinkage"},
    "dslt-code": {"name": "shrinkage", "importance": "dslt_code"},
}
"""Preset -> the loss that its name implies, as ``build_loss`` takes it."""

LEARNERS = {"dslt": "irls", "dslt-paper": "adam", "dslt-code": "adam"}
"""Trackers that learn on line with any loss -> their solver."""

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


def load_with_loss(name: str, loss: str | None = None, **settings: Any) -> Tracker:
    """``load_tracker`` with the loss that is asked for, or that the tracker's name stands for.

    Args:
        name: As for ``load_tracker``.
        loss: NAME or NAME:ARGUMENT=VALUE,… for a tracker that learns on line with any loss; None for its own.
        settings: As for ``load_tracker``; those that are None count as not given.

    Raises:
        ValueError, FileNotFoundError: As ``load_tracker``; or the tracker learns with no loss, or not with this one.
        TypeError: An argument that the loss does not have.
    """
    _refuse_other_files(name)
    settings = {key: value for key, value in settings.items() if value is not None}
    if loss is not None:
        if name not in LEARNERS:
            raise ValueError(
                f"a loss is for trackers that learn with it on line, {', '.join(LEARNERS)}: not for {name}"
            )
        settings["criterion"] = online_criterion(parse_loss(loss), settings.get("solver", LEARNERS[name]))
    elif name in ONLINE_LOSSES:
        settings = {"criterion": build_loss(**ONLINE_LOSSES[name], reduction="sum"), **settings}
    return load_tracker(name, **settings)


def _refuse_other_files(name: str) -> None:
    """Say which file is the tracker where a folder, a training's state or bare weights are named."""
    file = Path(name)
    if name not in list_trackers() and (file.suffix in (".pt", ".pth", ".npz") or file.is_dir()):
        best = (file if file.is_dir() else file.parent) / f"best{CHECKPOINT}"
        raise ValueError(f"{name} is no trained tracker: give the file that train wrote, {best}")


@dataclass(frozen=True)
class Contender:
    """A tracker that takes part in a benchmark: small enough to be sent to every worker, which builds it.

    Attributes:
        name: Registered name, file of a trained or exported tracker, ``opencv-csrt`` and the like, or
            ``module:Class``.
        weights: File of weights; for OpenCV's networks the folder with their files; or None.
        device: ``cpu``, ``cuda``, ``cuda:1`` …
        backbone: Other features than the tracker's own, by name; or None.
        loss: NAME or NAME:ARGUMENT=VALUE,… of the loss that it learns with on line; None for its own.
        filter: Another filter than the tracker's own, by name; or None.
        threads: CPU threads of torch of one of ours.
        runtime: What runs the networks of ours: ``auto``, ``onnx`` or ``torch``.
    """

    name: str
    weights: Path | None = None
    device: str = "cpu"
    backbone: str | None = None
    loss: str | None = None
    runtime: str = "auto"
    filter: str | None = None
    threads: int = 1

    @property
    def label(self) -> str:
        """What it is called: its name, or of a file the run that it is the best of, or the file's own name.

        Another backbone and loss than its own follow, so that the results lie in another folder.
        """
        file, name = self.checkpoint, self.name
        if file is not None:
            name = file.absolute().parent.name if file.stem == "best" else file.stem
        more = (re.sub(r"[^A-Za-z0-9_.+-]", "_", one) for one in (self.backbone, self.loss) if one)
        return "+".join([name, *more])

    @property
    def checkpoint(self) -> Path | None:
        """The file of a trained tracker; None if the name is no file."""
        return Path(self.name) if self.name.endswith(FILES) else None

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
            return load_with_loss(self.name, self.loss, **self._where())
        if self.name not in list_trackers() and (self.backbone or self.loss or self.filter):
            raise ValueError(f"--backbone, --filter and --loss are for trackers of ours, not for {self.name}")
        if ":" in self.name:
            return load_got10k_tracker(self.name)
        if self.name in OPENCV:
            return OpenCVTracker(self.name, self.weights)
        _refuse_other_files(self.name)
        choices = [*list_trackers(), *OPENCV]
        if self.name not in choices:
            raise ValueError(
                f"unknown tracker {self.name!r}: {nearest(self.name, choices)}choices are {', '.join(choices)}, a "
                f"trained tracker's file (*{', *'.join(FILES)}), or module:Class of got10k's"
            )
        weights = None if self.weights is None else str(self.weights)
        return load_with_loss(self.name, self.loss, weights=weights, **self._where())

    def _where(self) -> dict[str, Any]:
        # auto is what trackers do by themselves, and not all have a network to run elsewhere.
        runtime = None if self.runtime == "auto" else self.runtime
        where = {"device": self.device, "runtime": runtime, "threads": self.threads}
        return {**where, "backbone": self.backbone, "filter": self.filter}


class Description:
    """The description of a contender's results, read from a tracker that is built for it.

    Attributes:
        label: Name of its result folder.
        is_deterministic: The same frames give the same boxes.
        record: Everything that decides the boxes, as JSON: ``tracker``, ``settings`` and ``weights`` (file ->
            SHA-256); see `experiments.scoring.record`.

    Raises:
        ValueError, FileNotFoundError: The contender cannot be built, or its name is no folder name.
    """

    def __init__(self, contender: Contender) -> None:
        self._contender = contender
        self._tracker = contender.build()
        foreign = self._tracker.tracker if isinstance(self._tracker, FromGot10k) else None
        self.label = str(foreign.name) if foreign else contender.label
        self.is_deterministic = bool(foreign.is_deterministic) if foreign else True
        if not _SAFE_NAME.fullmatch(self.label):
            raise TrackerUnavailable(
                f"tracker {contender.name} calls itself {self.label!r}, which becomes a folder: expected "
                "letters, digits and _.+- only"
            )

    @cached_property
    def record(self) -> dict[str, Any]:
        """Everything that decides the boxes; see the class."""
        weights = {file.name: sha256_of(file) for file in self._weights()}
        record = {"tracker": self.label, "settings": self._settings(), "weights": weights}
        return json.loads(json.dumps(record))

    def _settings(self) -> dict[str, Any]:
        if isinstance(self._tracker, OpenCVTracker):
            import cv2

            return {"class": OPENCV[self._contender.name], "opencv": cv2.__version__}
        if isinstance(self._tracker, FromGot10k):
            file = inspect.getsourcefile(type(self._tracker.tracker))
            return {"class": self._contender.name, "source_sha256": sha256_of(Path(file)) if file else None}
        assert isinstance(self._tracker, Configured)  # as every tracker of ours
        return self._tracker.settings()

    def _weights(self) -> list[Path]:
        if isinstance(self._tracker, OpenCVTracker):
            return list(self._tracker.files.values())
        file = self._contender.checkpoint or self._contender.weights
        if file is None:
            return []
        return [file / name for name in NANO_FILES] if file.is_dir() else [file]


Built = TypeVar("Built")


def build_available(
    contenders: Sequence[Contender], build: Callable[[Contender], Built]
) -> list[tuple[Contender, Built]]:
    """What ``build`` makes of each tracker; those of others that are not to be had are said and left out.

    Raises:
        TrackerUnavailable: None of them is to be had.
        ValueError, FileNotFoundError: One of ours cannot be built.
    """
    built, unavailable = [], []
    for contender in contenders:
        try:
            built.append((contender, build(contender)))
        except TrackerUnavailable as error:
            unavailable.append(error)
    if not built:
        raise unavailable[-1]
    for reason in unavailable:
        print(f"left out: {printable(str(reason))}", file=sys.stderr)
    return built


def parse_contenders(
    trackers: str,
    weights: tuple[str, ...],
    device: str,
    backbones: tuple[str, ...] = (),
    losses: tuple[str, ...] = (),
    runtime: str = "auto",
) -> list[Contender]:
    """Parse the contenders of a command line.

    Args:
        trackers: Names with commas between them.
        weights: ``TRACKER=PATH`` each, or a path for the only tracker.
        device: Device of our trackers.
        backbones: ``TRACKER=NAME`` each, or a name for the only tracker.
        losses: ``TRACKER=NAME:ARGUMENT=VALUE,…`` each, or without the tracker for the only one.
        runtime: What runs the networks of ours.

    Raises:
        ValueError: No name, a name twice, or something for a tracker that does not take part.
        FileNotFoundError: A path does not exist.
    """
    names = [name.strip() for name in trackers.split(",") if name.strip()]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"--trackers must be different names with commas between them, got {trackers!r}")
    paths = {
        name: Path(path).absolute() for name, path in _of_each("--weights", "PATH", weights, names).items()
    }
    for name, path in paths.items():
        if not path.exists():
            raise FileNotFoundError(f"weights of {name} do not exist: {path}")
    backbone_of, loss_of = (
        _of_each(*given, names) for given in (("--backbone", "NAME", backbones), ("--loss", "NAME", losses))
    )
    # A file's name is made absolute because another machine's process has another working folder.
    files = {name: str(Path(name).absolute()) for name in names if name.endswith(FILES)}
    for name, file in files.items():
        if not Path(file).is_file():
            raise FileNotFoundError(
                f"trained tracker {name} does not exist: expected the file that train or export wrote"
            )
    return [
        Contender(
            files.get(name, name), paths.get(name), device, backbone_of.get(name), loss_of.get(name), runtime
        )
        for name in names
    ]


def _of_each(option: str, kind: str, entries: tuple[str, ...], names: list[str]) -> dict[str, str]:
    """What an option's entries, TRACKER=VALUE, say of each tracker; of the only one they need not name it."""
    found = {}
    for entry in entries:
        name, separator, value = entry.partition("=")
        if ":" in name or not separator:  # the = of a loss's argument
            name, value = names[0] if len(names) == 1 else "", entry
        if name not in names:
            raise ValueError(f"{option} must be TRACKER={kind} with one of {', '.join(names)}, got {entry!r}")
        found[name] = value
    return found
