"""The off-line part of a comparison: the regression network trained with one loss, by the training loop of `train`."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from torch import nn

from data.datasets.clip import Clip
from data.pairs.dataset import PairDataset, collate
from experiments.compare.clips import clips_at, probe_pairs, track_clips
from experiments.compare.measures import Peaks, encode_map, respond
from experiments.compare.plan import Unit
from experiments.train.build import build_training, check_settings, rate_at
from experiments.train.checkpoints import save_weights
from experiments.train.processes import Processes, join_processes
from experiments.train.run_files import METRICS
from experiments.train.validation import average_overlap
from tracker import Tracker, load_tracker

_BATCH = 16  # probes measured at once


class Measurement:
    """What stands in for validation in the training loop: measures of response maps, and tracking.

    Args:
        pairs: to be measured.
        clips: to be tracked.
        frames: of each.
        load: builds a tracker of a network.
    """

    def __init__(self, pairs: PairDataset, clips: Sequence[Clip], frames: int, load: "Loader") -> None:
        self._batches = [
            collate([pairs[index] for index in range(start, min(start + _BATCH, len(pairs)))])
            for start in range(0, len(pairs), _BATCH)
        ]
        self._clips, self._frames, self._load = clips, frames, load

    def __call__(self, net: nn.Module) -> dict[str, float]:
        """``peak_distance``, ``hit_rate`` and ``ao`` of a network."""
        tracker = self._load(net)
        overlaps = [average_overlap(tracker, clip, self._frames) for clip in self._clips]
        return self.peaks(net)[0].means() | {"ao": float(np.mean(overlaps))}

    def peaks(self, net: nn.Module) -> tuple[Peaks, list[Any]]:
        """Peaks of all pairs, and their response maps."""
        training = net.training
        net.eval()
        measured = [respond(net, batch) for batch in self._batches]
        net.train(training)
        distances, hits = zip(*(peaks for peaks, _ in measured), strict=True)
        maps = [one for _, responses in measured for one in responses]
        return Peaks(np.concatenate(distances), np.concatenate(hits)), maps


class Loader:
    """Builds the tracker that uses a network's features, those that stand beside the learned ones included."""

    def __init__(self, model: Mapping[str, Any], device: str) -> None:
        self._backbone = "+".join(filter(None, (model["fixed"], model["backbone"])))
        self._device = device

    def __call__(self, net: nn.Module) -> Tracker:
        """The tracker ``hog`` with the network's features in the place of its own."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "candidate.safetensors"
            save_weights(file, net, {})
            return load_tracker("hog", backbone=self._backbone, weights=str(file), device=self._device)


def train_unit(unit: Unit, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Train with the unit's loss and rate, and measure: what its result file holds.

    Args:
        unit: of stage ``offline``.
        settings: of the comparison.

    Raises:
        ValueError, OSError, RuntimeError: as ``run_training``.
    """
    budget, run = settings["budget"], training_settings(unit, settings)
    with TemporaryDirectory() as temporary, join_processes(run["compute"]["device"]) as processes:
        folder = Path(temporary)
        validation, frames = clips_at(settings["clips"]["validation"]), budget["search_frames"]
        pairs = probe_pairs(validation, run["data"], budget["probes"])
        measure = Measurement(pairs, validation, frames, _loader(run, processes))
        training, feed = build_training(run, folder, processes)
        training.validate = measure
        before = measure(training.learner.average.net)
        if not training.run(feed, partial(rate_at, run)):
            raise RuntimeError("it was told to stop before its end")
        result = {"rate": run["optimiser"]["rate"], **_course(folder, before)}
        result["score"] = -result["course"][-1]["peak_distance"]
        if unit.phase == "final":
            result |= _tested(training.learner.average.net, run, settings, processes)
    return result


def training_settings(unit: Unit, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that ``run_training`` would take for this unit.

    The averaged weights after the last step count, not the best of several: all losses have one budget.
    """
    run, budget = deepcopy(dict(settings["train"])), settings["budget"]
    steps = budget["steps"] if unit.phase == "final" else budget["search_steps"]
    every = budget["measure_every"] if unit.phase == "final" else 0
    run["loss"] = dict(unit.loss)
    run["optimiser"]["rate"] *= unit.factor
    run |= {"steps": steps, "checkpoint_every": steps, "seed": unit.seed}
    run |= {"batch_size": budget["batch_size"], "log_every": budget["measure_every"]}
    places = settings["clips"]["validation"]
    run["validation"] |= {"every": every, "clips": places["clips"], "names": places["names"]}
    check_settings(run, 1)
    return run


def _loader(run: Mapping[str, Any], processes: Processes) -> Loader:
    return Loader(run["model"], processes.device.type)


def _course(folder: Path, before: Mapping[str, float]) -> dict[str, Any]:
    """The measures against step and seconds of training, and the share of easy background in the loss."""
    course = [{"step": 0, "seconds": 0.0, **before}]
    easy, step, seconds = [], 0, 0.0
    for line in map(json.loads, (folder / METRICS).read_text("utf-8").splitlines()):
        if line["part"] == "train":
            seconds += 1e-3 * line["step_ms"] * (line["step"] - step)
            step = line["step"]
            easy += [{"step": step, "share": share} for share in _known(line, "easy_background_share")]
        else:
            measured = {name: line[name] for name in ("peak_distance", "hit_rate", "ao")}
            course.append({"step": line["step"], "seconds": seconds, **measured})
    return {"course": course, "easy_background": easy}


def _known(line: Mapping[str, float], name: str) -> list[float]:
    return [line[name]] if name in line else []  # a loss that takes a map for one sample has none


def _tested(
    net: nn.Module, run: Mapping[str, Any], settings: Mapping[str, Any], processes: Processes
) -> dict[str, Any]:
    """Tracking of the test clips, and peaks and maps of pairs of theirs."""
    budget, clips = settings["budget"], clips_at(settings["clips"]["test"])
    pairs = probe_pairs(clips, run["data"], budget["probes"])
    load = _loader(run, processes)
    peaks, maps = Measurement(pairs, [], 0, load).peaks(net)
    return {
        "clips": track_clips(load(net), clips, budget["frames"]),
        "probes": {
            "distance": np.round(peaks.distance, 4).tolist(),
            "hit": peaks.hit.tolist(),
            "maps": [encode_map(one) for one in maps],
        },
    }
