"""From resolved settings to the objects of a run: builders take plain arguments, this hands them over."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import torch
import yaml
from torch import nn

from data.datasets.clip import Clip
from data.pairs.jitter_appearance import PhotometricJitter
from experiments.runtime.provenance import versions
from experiments.train.batches import batches, validation_clips
from experiments.train.checkpoints import load_last, seed_everything
from experiments.train.data import build_pairs
from experiments.train.loop import Training
from experiments.train.objective import PairObjective
from experiments.train.optimiser import rate_factor
from experiments.train.processes import Processes, join_processes
from experiments.train.run_files import claim
from experiments.train.step import Learner
from experiments.train.validation import TrackingScore
from losses import build_loss
from tracker import load_tracker
from tracker.network.regression_net import build_regression_net

Settings = Mapping[str, Any]


def run_training(settings: Settings, folder: Path, *, resume: bool = False, overwrite: bool = False) -> int:
    """Train as the settings say; 0 at the end of it, 130 when it was told to stop before.

    Args:
        settings: as `experiments.train.command.Train.settings` gives them.
        folder: of the run.
        resume: go on from its checkpoint.
        overwrite: remove what it holds of an earlier run.

    Raises:
        ValueError, OSError: settings or files that are not as they should be; the message says which.
        RuntimeError: the training cannot go on; the message says where and why.
    """
    with join_processes(settings["compute"]["device"]) as processes:
        check_settings(settings, processes.world_size)
        if processes.is_first:
            claim(folder, settings, resume=resume, overwrite=overwrite)
        processes.gather(None)  # the others wait until the folder is theirs too
        state = load_last(folder) if resume else None
        training, feed = build_training(settings, folder, processes)
        if state:
            training.resume(state)
        if processes.is_first:
            begins = "goes on after" if state else "starts at"
            print(f"{folder}: {begins} step {training.step} of {settings['steps']}", flush=True)
        finished = training.run(feed, partial(rate_at, settings))
        if processes.is_first:
            print(f"{folder}: {'finished' if finished else 'stopped'} after step {training.step}", flush=True)
    return 0 if finished else 130


def describe_training(settings: Settings) -> str:
    """Build everything and draw the first batch, without training: the config and what it builds, as text.

    Raises:
        ValueError, OSError, RuntimeError: as `run_training`.
    """
    with join_processes(settings["compute"]["device"]) as processes:
        check_settings(settings, processes.world_size)
        training, feed = build_training(settings, Path(), processes)
        batch, _ = next(iter(feed(0)))
        outcome = training.learner.evaluate(batch)
    learner = training.learner
    net = learner.objective.net
    parts = {name: _count(part) for name, part in net.named_children()}
    shown = ", ".join(f"{name} {count:,}" for name, count in parts.items() if count)
    groups = [
        f"{_count_all(g['params']):,} at factor {g['factor']:g}, decay {g['weight_decay']:g}"
        for g in learner.optimiser.param_groups
    ]
    return "\n".join(
        [
            yaml.safe_dump(dict(settings), sort_keys=False).rstrip(),
            "---",
            f"parameters: {_count(learner.objective):,} ({shown})",
            f"loss: {learner.objective.criterion} of setting {learner.objective.criterion.setting}",
            f"optimiser: {type(learner.optimiser).__name__}, {'; '.join(groups)}",
            f"pairs: {settings['steps']} steps of {settings['batch_size']}",
            f"first pair: {batch.sources[0]}, crops {tuple(batch.search.shape[-2:])}",
            f"loss of the first batch before training: {float(outcome.loss):.5f}",
            f"device: {processes.device}",
        ]
    )


def check_settings(settings: Settings, world_size: int) -> None:
    """Refuse numbers that no part of a run would refuse in words of its own.

    Raises:
        ValueError: one is out of its range.
    """
    least = {"steps": 1, "batch_size": 1, "log_every": 1, "checkpoint_every": 1, "seed": 0, "box_weight": 0}
    least |= {"compute.accumulation": 1, "compute.threads": 1, "data.workers": 0, "optimiser.clip": 0}
    least |= {"optimiser.rate": 0, "optimiser.warmup": 0}
    least |= {"validation.every": 0, "validation.frames": 2, "validation.synthetic": 1}
    for name, smallest in least.items():
        section, _, key = name.rpartition(".")
        value = (settings[section] if section else settings)[key]
        if not value >= smallest:
            raise ValueError(f"{name} must be at least {smallest}, got {value}")
    parts = world_size * settings["compute"]["accumulation"]
    if settings["batch_size"] % parts:
        raise ValueError(
            f"batch_size must be a multiple of {parts} (processes x compute.accumulation), got "
            f"{settings['batch_size']}"
        )


def rate_at(settings: Settings, step: int) -> float:
    """Learning rate of a step, from 0."""
    options = settings["optimiser"]
    shape = {name: options[name] for name in ("warmup", "milestones", "drop")}
    return options["rate"] * rate_factor(step, settings["steps"], options["schedule"], **shape)


def build_training(settings: Settings, folder: Path, processes: Processes) -> tuple[Training, Any]:
    """The run, and what gives its batches from a number on."""
    data, validation = settings["data"], dict(settings["validation"])
    every = validation.pop("every")
    clips = validation_clips(**validation)
    length = settings["steps"] * settings["batch_size"]
    held_out = {clip.paths[0] for clip in clips if isinstance(clip, Clip)}
    pairs = build_pairs(data, held_out, length=length, seed=settings["seed"])
    load = partial(load_tracker, device=processes.device)
    metadata = {"config": dict(settings), "versions": versions()}
    training = Training(
        build_learner(settings, processes),
        folder,
        processes,
        TrackingScore(clips, validation["frames"], processes, load, metadata),
        steps=settings["steps"],
        log_every=settings["log_every"],
        validate_every=every,
        checkpoint_every=settings["checkpoint_every"],
        settings=settings,
        metadata=metadata,
    )
    feed = partial(
        batches,
        pairs,
        processes,
        batch_size=settings["batch_size"],
        workers=data["workers"],
        context=data["context"],
    )
    return training, lambda start: feed(start=start)


def build_learner(settings: Settings, processes: Processes) -> Learner:
    """Network, loss and optimiser on their device; the seed decides the weights, the same in all processes."""
    compute, options = settings["compute"], settings["optimiser"]
    set_up_torch(compute["threads"], deterministic=compute["deterministic"])
    torch.manual_seed(settings["seed"])
    net = build_regression_net(**settings["model"])
    if net.fixed is not None:
        net.fixed.requires_grad_(False)
    loss = dict(settings["loss"])
    criterion = build_loss(loss.pop("name"), reduction="none", **loss)
    objective = PairObjective(net, criterion, box_weight=settings["box_weight"]).to(processes.device)
    seed_everything(settings["seed"], processes.rank)
    return Learner(
        objective,
        build_optimiser(
            objective,
            options["name"],
            weight_decay=options["weight_decay"],
            backbone_factor=options["backbone_factor"],
        ),
        processes,
        jitter=PhotometricJitter().to(processes.device) if settings["photometric"] else None,
        seed=settings["seed"],
        precision=compute["precision"],
        accumulation=compute["accumulation"],
        clip=options["clip"],
        ema_decay=settings["ema_decay"],
        skip_nonfinite=settings["on_nan"] == "skip",
        compiled=compute["compile"],
        channels_last=compute["channels_last"],
    )


def build_optimiser(
    objective: PairObjective, name: str, *, weight_decay: float, backbone_factor: float
) -> torch.optim.Optimizer:
    """AdamW or SGD over what is trained: decay for weights of two or more dimensions, a rate of the backbone's own.

    Args:
        objective: whose parameters.
        name: ``adamw``, or ``sgd`` with momentum 0.9.
        weight_decay: of weights; biases and scales have none.
        backbone_factor: the backbone's rate over the others'.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for path, parameter in objective.named_parameters():
        if parameter.requires_grad:
            factor = backbone_factor if path.startswith("net.backbone.") else 1.0
            groups.setdefault((factor, weight_decay if parameter.ndim > 1 else 0.0), []).append(parameter)
    described = [
        {"params": parameters, "factor": factor, "weight_decay": decay}
        for (factor, decay), parameters in groups.items()
    ]
    if name == "sgd":
        return torch.optim.SGD(described, lr=1.0, momentum=0.9)
    return torch.optim.AdamW(described, lr=1.0, fused=next(objective.parameters()).is_cuda)


def set_up_torch(threads: int, *, deterministic: bool) -> None:
    """Threads, and on a GPU whether to take deterministic kernels or the quickest."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)  # for small crops, and they would take the cores from the loader's workers
    if torch.cuda.is_available():
        import os

        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read by cuBLAS at its first call
        torch.backends.cudnn.benchmark = not deterministic
        torch.use_deterministic_algorithms(deterministic)


def _count(module: nn.Module) -> int:
    return _count_all(module.parameters())


def _count_all(parameters: Any) -> int:
    return sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
