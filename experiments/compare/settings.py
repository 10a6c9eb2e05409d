"""The settings of a comparison: all that decides the result of a unit but its loss, rate and seed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from experiments.config_file import plain
from experiments.train.settings import TrainingSettings
from experiments.train.settings import as_mapping as training_mapping


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How long each run of a comparison is.

    Attributes:
        batch_size: pairs in a step off line.
        steps: optimiser steps off line.
        search_steps: the same in the search for the rate.
        measure_every: steps between measurements.
        probes: pairs that are measured.
        frames: frames of each test clip that are tracked.
        search_frames: frames of each validation clip that are tracked.
    """

    batch_size: int = 16
    steps: int = 300
    search_steps: int = 100
    measure_every: int = 50
    probes: int = 128
    frames: int = 200
    search_frames: int = 40


QUICK = Budget(
    batch_size=8, steps=28, search_steps=14, measure_every=7, probes=32, frames=20, search_frames=8
)


@dataclass(frozen=True)
class Place:
    """Where clips are: ``clips`` as DATASET:ROOT, and the names of those that are meant; without names all."""

    clips: tuple[str, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OnlineSettings:
    """Solver, features, steps on frame 1 and weights file of ``dslt``."""

    solver: Literal["adam", "irls"] = "adam"
    backbone: str = "hog+color"
    first_steps: int = 50
    weights: str | None = None


@dataclass(frozen=True, kw_only=True)
class ComparisonSettings:
    """All of it.

    Attributes:
        train: of every training off line, but for its loss, rate, seed and budget.
        validation: clips that choose the rates.
        test: clips of the table.
        budget: of every run.
        factors: rates that are tried, over the base rate.
        online: of ``dslt``.
    """

    train: TrainingSettings
    validation: Place
    test: Place
    budget: Budget = Budget()
    factors: tuple[float, ...] = (1 / 3, 1.0, 3.0)
    online: OnlineSettings = OnlineSettings()


def as_mapping(settings: ComparisonSettings) -> dict[str, Any]:
    """The settings as files hold them: mappings, lists and scalars."""
    train = training_mapping(settings.train)
    del train["loss"]
    places = {"validation": asdict(settings.validation), "test": asdict(settings.test)}
    found: dict[str, Any] = {"train": train, "clips": places, "budget": asdict(settings.budget)}
    found |= {"factors": settings.factors, "online": asdict(settings.online)}
    return {key: plain(value) for key, value in found.items()}


def with_defaults(written: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping that `as_mapping` gave to a file, with the defaults of options that are younger than the file."""
    from experiments.train.parse import settings_from

    train = training_mapping(settings_from(written.get("train", {})))
    del train["loss"]
    return {**written, "train": train}
