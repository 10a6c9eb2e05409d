"""The settings of a comparison: all that decides the result of a unit but its loss, rate and seed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from experiments.config_file import plain
from experiments.train.settings import TrainingSettings
from experiments.train.settings import as_mapping as training_mapping


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The length of each run of a comparison.

    Attributes:
        batch_size: pairs in an off-line step.
        steps: off-line optimiser steps.
        search_steps: off-line optimiser steps in the search for the rate.
        measure_every: steps between measurements.
        probes: measured pairs.
        frames: tracked frames of each test clip.
        search_frames: tracked frames of each validation clip.
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
    """Clips by place: ``clips`` as DATASET:ROOT, and the names of those that are used; without names all are."""

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
    """All settings of a comparison.

    Attributes:
        train: settings of the off-line trainings; loss, rate, seed and budget are replaced.
        validation: clips that choose the rates.
        test: clips of the table.
        budget: length of every run.
        factors: the rates that the search tries, over the base rate.
        online: settings of ``dslt``.
    """

    train: TrainingSettings
    validation: Place
    test: Place
    budget: Budget = Budget()
    factors: tuple[float, ...] = (1 / 3, 1.0, 3.0)
    online: OnlineSettings = OnlineSettings()


def as_mapping(settings: ComparisonSettings) -> dict[str, Any]:
    """The settings as files hold them: mappings, lists and scalars."""
    found = asdict(settings)
    found["clips"] = {"validation": found.pop("validation"), "test": found.pop("test")}
    found["train"] = training_mapping(settings.train)
    del found["train"]["loss"]
    order = ("train", "clips", "budget", "factors", "online")
    return {key: plain(found[key]) for key in order}


def with_defaults(written: Mapping[str, Any]) -> dict[str, Any]:
    """Add to a stored mapping of `as_mapping` the defaults of options that are younger than the file."""
    from experiments.train.parse import settings_from

    train = training_mapping(settings_from(written.get("train", {})))
    del train["loss"]
    return {**written, "train": train}
