"""``python -m experiments compare``: one budget, several losses: which one helps, where, and by how much."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from experiments.command import ParallelCommand
from experiments.train.settings import DataSettings

if TYPE_CHECKING:
    from experiments.compare.run import Engine, Found
    from experiments.compare.settings import Budget, ComparisonSettings

LOSSES = ("l2", "l3", "shrinkage", "focal-regression:gamma=2", "ghm-r", "spatial-ce", "quality-focal")
LIMITS = {"seeds": (1, 1000), "steps": (1, 10**9), "frames": (2, 10**6)}
CONFIG = Path(__file__).parents[1] / "configs" / "compare.yaml"


@dataclass(kw_only=True)
class Compare(ParallelCommand):
    """Compare losses: off-line training of the regression network, on-line regression of dslt, same budget and data.

    Each loss gets its learning rate by the same small search on validation clips, then runs with several seeds and
    tracks the test clips. Finished runs are kept: the same command goes on where it stopped.
    """

    losses: tuple[str, ...] = LOSSES
    """Losses, as NAME or NAME:ARGUMENT=VALUE,…; l2 is what the others are compared with."""

    seeds: int | None = None
    """Seeds 0, 1, …: of weights and pairs off line, of the first box on line. 3, with --quick 2."""

    stages: tuple[Literal["offline", "online"], ...] = ("offline", "online")
    """What to compare."""

    quick: bool = False
    """A small budget: to see that everything works, not to learn about losses."""

    steps: int | None = None
    """Optimiser steps off line. 300, with --quick 28; the search takes a third, with --quick half."""

    frames: int | None = None
    """Frames of each test clip that are tracked. 200, with --quick 20."""

    data: DataSettings = field(default_factory=lambda: DataSettings(workers=0))
    """What is trained on, as for train."""

    validation: tuple[str, ...] = ()
    """Clips that choose the rates, as DATASET:ROOT; none of them is trained on. By default every fourth clip of the
    folders among data.sources; synthetic ones where there is none."""

    test: tuple[str, ...] = ()
    """Clips of the table, as DATASET:ROOT; by default synthetic ones."""

    config: Path = CONFIG
    """YAML file with other options of train: model, optimiser, compute."""

    solver: Literal["adam", "irls"] = "adam"
    """On-line solver. irls takes losses of setting regress only; its λ is searched, for it has no rate."""

    backbone: str = "hog+color"
    """On-line features: names joined by +."""

    weights: Path | None = None
    """File with the backbone's weights."""

    workers: int = 2

    output: Path = Path("runs/compare")
    """Folder for index.html, comparison.json, the figures, and a file for each run."""

    overwrite: bool = False
    """Remove what the folder holds of an earlier comparison."""

    def run(self) -> int:
        """Run what is left to do and write the page; return 1 if some run failed."""
        from experiments.compare.plan import parse_losses
        from experiments.compare.run import Comparison
        from experiments.runtime.lock import holding

        self._check()
        losses = parse_losses(self.losses)
        if self.solver == "irls" and "online" in self.stages:
            self._check_regress(losses)
        if "online" in self.stages:  # a wrong name or file is said now, and not by every run
            from tracker import load_tracker

            load_tracker(
                "dslt", backbone=self.backbone, weights=None if self.weights is None else str(self.weights)
            )
        started = time.perf_counter()
        seeds = self.seeds or (2 if self.quick else 3)
        print(f"{self.output}: reading the clips …", flush=True)
        with holding(self.output, "another comparison"):
            comparison = Comparison(self.output, self.settings(), self.stages, losses, seeds)
            comparison.claim(overwrite=self.overwrite)

            def show(found: "Found", missing: int = 0) -> None:
                from experiments.compare.page import write_comparison

                page = write_comparison(self.output, comparison.settings, found, missing)
                so_far = f" so far, {missing} runs are missing" if missing else ""
                print(f"{page}{so_far} after {time.perf_counter() - started:.0f} s", flush=True)

            show(comparison.run(self._engine(comparison.settings.train.compute.device), show))
        return 1 if comparison.failed else 0

    def settings(self) -> "ComparisonSettings":
        """All that decides the results but losses and seeds."""
        from experiments.compare.clips import place_clips
        from experiments.compare.settings import ComparisonSettings, OnlineSettings
        from experiments.train.parse import read_settings

        validation, test = place_clips(self.data, self.validation, self.test, self.output / "clips")
        weights = None if self.weights is None else str(self.weights)
        return ComparisonSettings(
            train=replace(read_settings(self.config), data=self.data),
            validation=validation,
            test=test,
            budget=self._budget(),
            online=OnlineSettings(solver=self.solver, backbone=self.backbone, weights=weights),
        )

    def _budget(self) -> "Budget":
        from experiments.compare.settings import QUICK, Budget

        budget = QUICK if self.quick else Budget()
        if self.steps is not None:
            search = max(self.steps // (2 if self.quick else 3), 1)
            measure = max(self.steps // (4 if self.quick else 6), 1)
            budget = replace(budget, steps=self.steps, search_steps=search, measure_every=measure)
        return budget if self.frames is None else replace(budget, frames=self.frames)

    def _check(self) -> None:
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ValueError(f"--{name} must be {least} to {most}, got {value}")
        if not self.stages:
            raise ValueError("--stages must be offline, online or both, got none")
        self.check_workers()

    def _check_regress(self, losses: dict[str, dict[str, Any]]) -> None:
        from losses import build_loss

        others = [label for label, loss in losses.items() if build_loss(**loss).setting != "regress"]
        if others:
            raise ValueError(
                f"--solver irls takes losses of setting regress only, got {', '.join(others)}: leave them out, take "
                "--solver adam, or compare --stages offline alone"
            )

    def _engine(self, device: str) -> "Engine":
        import torch

        from experiments.compare.run import local_engine, ray_engine

        if self.engine == "local":
            return local_engine(self.workers)
        on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
        return ray_engine(self.workers, self.address, on_gpu=on_gpu)
