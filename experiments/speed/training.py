"""Training steps a second on a device: real loader and cached batch, precisions, compiled or not, GPU busy share."""

import time
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from data.pairs.dataset import PairBatch
from experiments.speed.clock import busy_share, seconds_of
from experiments.train.build import build_learner, build_training
from experiments.train.processes import join_processes
from experiments.train.settings import ComputeSettings, DataSettings, TrainingSettings, ValidationSettings
from experiments.train.step import Learner

WAYS = (("fp32", False), ("bf16", False), ("fp32", True), ("bf16", True))
"""Precision, and whether backbone and loss are compiled."""


def measure_training(device: torch.device, quick: bool) -> list[dict[str, Any]]:
    """Measure each precision, compiled or not: steps and pairs a second on a cached batch and on the real loader.

    Network and loss are ``train``'s defaults, the pairs are synthetic. ``data wait`` is the share of the loader's run
    in which a step waited for its batch, ``GPU busy`` the share in which the GPU ran a kernel.
    """
    size = 4 if quick else (256 if device.type == "cuda" else 16)
    steps = 2 if quick else (40 if device.type == "cuda" else 5)
    rows = []
    for precision, compiled in WAYS:
        if compiled and (quick or device.type == "cpu"):
            rows.append({"precision": precision, "compiled": compiled, "skipped": "GPU only"})
            continue
        settings = _settings(device, precision, compiled, size, steps)
        rows.append(
            {"precision": precision, "compiled": compiled, "batch": size, **_measure(settings, steps)}
        )
    return rows


def _settings(
    device: torch.device, precision: Any, compiled: bool, size: int, steps: int
) -> TrainingSettings:
    kind: Any = device.type
    return TrainingSettings(
        steps=steps,
        batch_size=size,
        data=DataSettings(crop_size=200, search_area_scale=5.0, workers=2 if size < 100 else 12),
        compute=ComputeSettings(device=kind, precision=precision, compile=compiled, channels_last=True),
        validation=ValidationSettings(every=0, synthetic=1, frames=2),
    )


def _measure(settings: TrainingSettings, steps: int) -> dict[str, Any]:
    with join_processes(settings.compute.device) as processes:
        training, feed = build_training(settings, Path(), processes)
        batches = list(islice((batch for batch, _ in feed(0)), 2))
        learner = training.learner
        for number in range(3):
            learner.step(batches[number % 2], 1e-3, number)
        device = processes.device
        cached = seconds_of(partial(_steps, learner, batches, steps), device)
        busy = busy_share(partial(_steps, learner, batches, min(steps, 10)), device)
        real, waited = _real(build_learner(settings, processes), feed, device)
    size = settings.batch_size
    found = {"cached steps/s": steps / cached, "cached pairs/s": size * steps / cached}
    found |= {"real steps/s": steps / real, "real pairs/s": size * steps / real, "data wait": waited / real}
    return found if busy is None else found | {"GPU busy": busy}


def _steps(learner: Learner, batches: list[PairBatch], count: int) -> None:
    for number in range(count):
        learner.step(batches[number % len(batches)], 1e-3, number)


def _real(learner: Learner, feed: Any, device: torch.device) -> tuple[float, float]:
    """Seconds of a run with its loader, and those of them in which a step waited for its batch."""
    waited = 0.0
    started = time.perf_counter()
    for number, (batch, seconds) in enumerate(feed(0)):
        learner.step(batch, 1e-3, number)
        waited += seconds
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started, waited
