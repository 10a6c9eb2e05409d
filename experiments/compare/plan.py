"""What a comparison of losses consists of: its units of work, and which learning rate is a loss's best."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Stage = Literal["offline", "online"]
Phase = Literal["search", "final"]
STAGES: tuple[Stage, ...] = ("offline", "online")


@dataclass(frozen=True)
class Unit:
    """One run of one loss; it can be sent to any process.

    Attributes:
        stage: ``offline`` trains the network, ``online`` fits and updates ``dslt``'s filter.
        phase: ``search`` tries a rate with a short budget on the validation clips, ``final`` is what is compared.
        label: the loss as the user wrote it.
        loss: its name and arguments, as ``losses.build_loss`` takes them; not compared, as the label says the same.
        seed: the run's seed.
        factor: the learning rate over the stage's base rate.
    """

    stage: Stage
    phase: Phase
    label: str
    loss: Mapping[str, Any] = field(compare=False)
    seed: int
    factor: float

    @property
    def name(self) -> str:
        """Name of the result file; a final unit's has no rate, because the search decides it."""
        label = re.sub(r"[^A-Za-z0-9.+-]", "_", self.label)
        rate = f"-x{self.factor:g}" if self.phase == "search" else ""
        return f"{self.stage}-{self.phase}-{label}-seed{self.seed}{rate}"


def parse_losses(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Parse the losses of the command line: label -> name and arguments.

    >>> parse_losses(["l2", "shrinkage:c=0.1,importance=none"])["shrinkage:c=0.1,importance=none"]
    {'name': 'shrinkage', 'c': 0.1, 'importance': 'none'}

    Raises:
        ValueError: a loss is unknown, for classes, or given twice, or an argument has no ``=``.
        TypeError: the loss has no such argument.
    """
    from experiments.trackers.online_loss import parse_loss

    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        found[text] = parse_loss(text)
    if len(found) < len(texts) or not found:
        raise ValueError(f"--losses must be different losses, at least one, got {' '.join(texts)}")
    names = {Unit("offline", "final", label, {}, 0, 1).name for label in found}
    if len(names) < len(found):
        raise ValueError(f"two of the losses would have the same file name: {' '.join(texts)}")
    return found


def search_units(
    stages: Iterable[Stage], losses: Mapping[str, Mapping[str, Any]], factors: Sequence[float]
) -> list[Unit]:
    """Plan the same small search for every loss: each rate once, with seed 0."""
    return [
        Unit(stage, "search", label, loss, 0, factor)
        for stage in stages
        for label, loss in losses.items()
        for factor in factors
    ]


def final_units(
    chosen: Mapping[tuple[Stage, str], float], losses: Mapping[str, Mapping[str, Any]], seeds: int
) -> list[Unit]:
    """Plan every loss with its chosen rate and every seed, seed by seed: an early end is fair to all losses."""
    return [
        Unit(stage, "final", label, losses[label], seed, factor)
        for seed in range(seeds)
        for (stage, label), factor in chosen.items()
    ]


def best_factors(results: Iterable[tuple[Unit, Mapping[str, Any]]]) -> dict[tuple[Stage, str], float]:
    """Choose for each stage and loss the factor with the highest ``score``; of equals the one nearest to 1."""
    best: dict[tuple[Stage, str], tuple[float, float, float]] = {}
    for unit, result in results:
        distance = max(unit.factor, 1 / unit.factor)
        rank = (float(result["score"]), -distance, unit.factor)
        key = (unit.stage, unit.label)
        best[key] = max(best.get(key, rank), rank)
    return {key: factor for key, (_, _, factor) in best.items()}
