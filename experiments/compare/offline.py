"""Off-line units of a comparison: the loop of `train` trains the regression network with one loss."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from data.datasets.clip import Clip
from data.pairs.dataset import PairDataset, collate
from experiments.compare.clips import clips_at, probe_pairs, track_clips
from experiments.compare.measures import Peaks, respond
from experiments.compare.plan import Unit
from experiments.compare.settings import ComparisonSettings
from experiments.train.build import initial_network, train
from experiments.train.run_files import METRICS
from experiments.train.settings import Arguments, LossSettings, TrainingSettings
from experiments.train.validation import track_clip
from tracker import Tracker, load_tracker
from tracker.network.regression_net import RegressionNet

_BATCH = 16  # probes measured at once


class Measurement:
    """Validation of a training run: measures of response maps on pairs, and tracking of clips."""

    def __init__(self, pairs: PairDataset, clips: Sequence[Clip], frames: int) -> None:
        self._batches = [
            collate([pairs[index] for index in range(start, min(start + _BATCH, len(pairs)))])
            for start in range(0, len(pairs), _BATCH)
        ]
        self._clips, self._frames = clips, frames

    def __call__(self, net: RegressionNet) -> dict[str, float]:
        """Measure ``peak_distance``, ``hit_rate`` and ``ao`` of a network."""
        tracker = as_tracker(net)
        overlaps = [track_clip(tracker, clip, self._frames).ao for clip in self._clips]
        return self.peaks(net)[0].means() | {"ao": float(np.mean(overlaps))}

    def peaks(self, net: RegressionNet) -> tuple[Peaks, list[Any]]:
        """The peaks of all pairs, and their response maps."""
        training = net.training
        net.eval()
        peaks, maps = zip(*(respond(net, batch) for batch in self._batches), strict=True)
        net.train(training)
        return Peaks.joined(peaks), [one for batch in maps for one in batch]


def as_tracker(net: RegressionNet) -> Tracker:
    """The tracker that uses a network's features, on the network's device."""
    return load_tracker(net, device=next(net.parameters()).device, runtime="torch")


def train_unit(unit: Unit, settings: ComparisonSettings) -> dict[str, Any]:
    """Train with the unit's loss and rate, and measure; return what the unit's result file holds.

    Args:
        unit: of stage ``offline``.
        settings: of the comparison.

    Raises:
        ValueError, OSError, RuntimeError: as `train`.
    """
    budget, run = settings.budget, training_settings(unit, settings)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "run"
        clips = clips_at(settings.validation)
        measure = Measurement(probe_pairs(clips, run.data, budget.probes), clips, budget.search_frames)
        before = measure(initial_network(run))
        trained = train(run, folder, validate=measure)
        if not trained.finished:
            raise RuntimeError("it was told to stop before its end")
        result = {"rate": run.optimiser.rate, **_course(folder, before)}
        result["score"] = -result["course"][-1]["peak_distance"]
    if unit.phase == "final":
        clips = clips_at(settings.test)
        pairs = probe_pairs(clips, settings.train.data, budget.probes)
        result["clips"] = track_clips(as_tracker(trained.net), clips, budget.frames)
        peaks, maps = Measurement(pairs, [], 0).peaks(trained.net)
        result["probes"] = peaks.record(maps)
    return result


def training_settings(unit: Unit, settings: ComparisonSettings) -> TrainingSettings:
    """The settings of this unit's training.

    What counts is the averaged weights after the last step, not the best checkpoint: all losses have one budget.
    """
    base, budget = settings.train, settings.budget
    is_final, chosen = unit.phase == "final", settings.validation
    steps = budget.steps if is_final else budget.search_steps
    arguments = {key: value for key, value in unit.loss.items() if key != "name"}
    return replace(
        base,
        steps=steps,
        batch_size=budget.batch_size,
        seed=unit.seed,
        log_every=budget.measure_every,
        checkpoint_every=steps,
        loss=LossSettings(name=unit.loss["name"], arguments=Arguments(arguments)),
        optimiser=replace(base.optimiser, rate=base.optimiser.rate * unit.factor),
        validation=replace(
            base.validation,
            every=budget.measure_every if is_final else 0,
            clips=chosen.clips,
            names=chosen.names,
        ),
    )


def _course(folder: Path, before: Mapping[str, float]) -> dict[str, Any]:
    """The measures by step and seconds of training, and the share of easy background in the loss."""
    course = [{"step": 0, "seconds": 0.0, **before}]
    easy, step, seconds = [], 0, 0.0
    for line in map(json.loads, (folder / METRICS).read_text("utf-8").splitlines()):
        if line["part"] == "train":
            seconds += 1e-3 * line["step_ms"] * (line["step"] - step)
            step = line["step"]
            if "easy_background_share" in line:  # absent where a whole map is one sample
                easy.append({"step": step, "share": line["easy_background_share"]})
        else:
            measured = {name: line[name] for name in ("peak_distance", "hit_rate", "ao")}
            course.append({"step": line["step"], "seconds": seconds, **measured})
    return {"course": course, "easy_background": easy}
