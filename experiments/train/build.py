"""From the settings of a run to its objects, and the run itself: `train`."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import torch
import yaml
from torch import Tensor, nn

from data.datasets.clip import Clip
from data.pairs.dataset import PairDataset
from data.pairs.held_out import HeldOut
from data.pairs.jitter_appearance import PhotometricJitter
from experiments.runtime.lock import holding
from experiments.runtime.provenance import versions
from experiments.scoring.record import check_record, fingerprint, weights_record
from experiments.train.data import build_pairs
from experiments.train.imitation import Imitation
from experiments.train.limits import check_limits
from experiments.train.loop import Batches, Training, Validate, batches
from experiments.train.objective import PairObjective
from experiments.train.optimiser import build_optimiser, rate_at
from experiments.train.parse import complete
from experiments.train.processes import Processes, join_processes
from experiments.train.run_files import check_folder, claim, load_last, seed_everything
from experiments.train.settings import TrainingSettings, as_mapping, distillation_steps
from experiments.train.step import Learner
from experiments.train.validation import TrackingScore, validation_clips
from losses.registry import build_map_loss
from tracker.backbones import build_backbone
from tracker.network.regression_net import RegressionNet, TrainingCrops, build_regression_net

MEASURED_PAIRS = 64
"""Pairs on which the deviations of a teacher's features are measured."""

COUNTED_PAIRS = 256
"""Pairs whose labels are counted, for losses that weigh locations by how often they hold the target."""


class Trained(NamedTuple):
    """The end of a training run.

    Attributes:
        finished: whether the run did all its steps; False if SIGTERM or Ctrl-C stopped it, after a checkpoint.
        net: the network with the averaged weights of the last step.
    """

    finished: bool
    net: RegressionNet


def train(
    settings: TrainingSettings,
    folder: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    validate: Validate | None = None,
) -> Trained:
    """Train a network.

    Args:
        settings: the run's settings.
        folder: the run's folder; created if it does not exist.
        resume: continue from the folder's checkpoint, bit for bit.
        overwrite: remove an earlier run from the folder.
        validate: scores the network with the averaged weights; the weights with the highest ``ao`` are kept. By
            default the score is the average overlap on the clips of ``settings.validation``.

    Raises:
        ValueError: a setting is out of its range, unknown, or differs from the run to resume.
        OSError: a file does not exist, or cannot be read or written.
        RuntimeError: the training cannot go on; the message says where and why.
    """
    settings = complete(settings)
    with join_processes(settings.compute.device) as processes, ExitStack() as stack:
        check_settings(settings, processes.world_size)
        state = None
        if processes.is_first:
            stack.enter_context(holding(folder, "another training"))
            state = load_last(folder) if resume else None
            check_folder(folder, settings, resume=resume, overwrite=overwrite, state=state)
        # What is wrong with data or weights is found before anything is written.
        training, feed = build_training(settings, folder, processes, validate)
        if state:
            check_record(state.get("record", {}), training.metadata["record"])
        if processes.is_first:
            claim(folder, settings, resume=resume, overwrite=overwrite)
        processes.gather(None)  # the others wait until the folder is theirs too
        if resume and not processes.is_first:
            state = load_last(folder)
        if state:
            training.resume(state)
        if processes.is_first:
            begins = "goes on after" if state else "starts at"
            print(f"{folder}: {begins} step {training.step} of {settings.steps}", flush=True)
        finished = training.run(feed, partial(rate_at, settings))
        if processes.is_first:
            print(f"{folder}: {'finished' if finished else 'stopped'} after step {training.step}", flush=True)
    return Trained(finished, training.learner.average.net)


def describe_training(settings: TrainingSettings) -> str:
    """Build everything and compute the first batch without training; return the config and its parts as text.

    Raises:
        ValueError, OSError, RuntimeError: as `train`.
    """
    with join_processes(settings.compute.device) as processes:
        check_settings(settings, processes.world_size)
        training, feed = build_training(settings, Path(), processes)
        batch, _ = next(iter(feed(0)))
        outcome = training.learner.evaluate(batch)
    learner = training.learner
    parts = {name: _count(part) for name, part in learner.objective.net.named_children()}
    shown = ", ".join(f"{name} {count:,}" for name, count in parts.items() if count)
    groups = [
        f"{sum(p.numel() for p in g['params']):,} at factor {g['factor']:g}, decay {g['weight_decay']:g}"
        for g in learner.optimiser.param_groups
    ]
    return "\n".join(
        [
            yaml.safe_dump(as_mapping(settings), sort_keys=False).rstrip(),
            "---",
            f"parameters: {_count(learner.objective):,} ({shown})",
            f"loss: {learner.objective.criterion} of setting {learner.objective.criterion.setting}",
            f"optimiser: {type(learner.optimiser).__name__}, {'; '.join(groups)}",
            f"pairs: {settings.steps} steps of {settings.batch_size}",
            f"first pair: {batch.sources[0]}, crops {tuple(batch.search.shape[-2:])}",
            f"loss of the first batch before training: {float(outcome.loss):.5f}",
            f"device: {processes.device}",
        ]
    )


def check_settings(settings: TrainingSettings, world_size: int) -> None:
    """Check the ranges that no component checks, and the loss, before anything is written.

    Raises:
        ValueError: a number is out of its range, or the loss cannot be built.
    """
    check_limits(settings)
    parts = world_size * settings.compute.accumulation
    if settings.batch_size % parts:
        raise ValueError(
            f"batch_size must be a multiple of {parts} (processes x compute.accumulation), got "
            f"{settings.batch_size}"
        )
    if distillation_steps(settings) >= settings.steps:
        raise ValueError(
            f"distillation.steps must be less than the whole run's {settings.steps} steps, got "
            f"{settings.distillation.steps}: raise --steps, or lower --distillation.steps"
        )
    if settings.teacher is not None and not Path(settings.teacher).is_file():
        raise FileNotFoundError(f"the teacher's file does not exist: {settings.teacher}")
    counted = [torch.ones(1, 1, 1, 2)]  # the real counts come with the pairs
    build_map_loss(settings.loss.name, lambda: counted, reduction="none", **settings.loss.arguments)


def build_training(
    settings: TrainingSettings, folder: Path, processes: Processes, validate: Validate | None = None
) -> tuple[Training, Callable[[int], Batches]]:
    """Build the run, and a function that yields its batches from a number on."""
    clips = validation_clips(settings.validation)
    held_out = HeldOut(clip for clip in clips if isinstance(clip, Clip))
    length = settings.steps * settings.batch_size
    pairs = build_pairs(settings.data, held_out, length=length, seed=settings.seed)
    if held_out.met and processes.is_first:
        print(f"not trained on, for they validate: {', '.join(sorted(held_out.met))}", flush=True)
    files = [Path(file) for file in (settings.teacher, settings.model.initial) if file is not None]
    depends = {"weights": weights_record(files), "data": fingerprint(pairs.sources)}
    metadata = {"config": as_mapping(settings), "versions": versions(), "record": depends}
    if validate is None:
        validate = TrackingScore(clips, settings.validation.frames, processes)
    imitation = None if settings.teacher is None else build_imitation(settings, pairs)
    learner = build_learner(settings, processes, pairs, imitation)
    training = Training(learner, folder, processes, validate, settings, metadata)
    return training, partial(batches, pairs, processes, settings)


def build_imitation(settings: TrainingSettings, pairs: PairDataset) -> Imitation:
    """Build the teacher and measure its features' deviations on the search crops of the first pairs.

    Raises:
        ValueError, FileNotFoundError: the teacher's file does not exist or does not have ``model.backbone``'s form.
    """
    teacher = build_backbone(settings.model.backbone, settings.teacher)
    numbers = range(min(MEASURED_PAIRS, len(pairs)))
    crops = (torch.from_numpy(pairs[number].search).permute(2, 0, 1)[None].float() for number in numbers)
    return Imitation(teacher, crops)


def build_learner(
    settings: TrainingSettings,
    processes: Processes,
    pairs: PairDataset | None = None,
    imitation: Imitation | None = None,
) -> Learner:
    """Build network, loss and optimiser on their device; the seed gives all processes the same weights.

    Args:
        settings: the run's settings.
        processes: this process among those that train together.
        pairs: training pairs, whose labels are counted for losses that need counts; or None.
        imitation: compares the backbone with its teacher; or None.
    """
    net = initial_network(settings)
    labels = None if pairs is None else partial(_labels, net, pairs)
    objective = PairObjective(
        net,
        build_map_loss(settings.loss.name, labels, reduction="none", **settings.loss.arguments),
        box_weight=settings.box_weight,
        imitation=None if imitation is None else imitation.to(processes.device),
        imitation_weight=settings.distillation.weight if settings.optimiser.backbone_factor else 0.0,
    )
    objective = objective.to(processes.device)
    seed_everything(settings.seed, processes.rank)
    jitter = PhotometricJitter(settings.data.appearance).to(processes.device)
    optimiser = build_optimiser(objective, settings.optimiser)
    return Learner(objective, optimiser, processes, settings, jitter if settings.photometric else None)


def initial_network(settings: TrainingSettings) -> RegressionNet:
    """Set torch up, seed it, and build the network that a run starts from, on the CPU."""
    set_up_torch(settings.compute.threads, deterministic=settings.compute.deterministic)
    torch.manual_seed(settings.seed)
    chosen = asdict(settings.model)
    arguments = chosen.pop("arguments")
    crops = TrainingCrops(settings.data.crop_size, settings.data.search_area_scale)
    net = build_regression_net(**chosen, crops=crops, **arguments)
    if net.fixed is not None:
        net.fixed.requires_grad_(False)
    return net


def _labels(net: RegressionNet, pairs: PairDataset) -> Iterator[Tensor]:
    """Yield the labels of the first pairs, the same in every process."""
    for number in range(min(COUNTED_PAIRS, len(pairs))):
        pair = pairs[number]
        cells = pair.search.shape[0] // net.stride
        search, template = (torch.as_tensor(box)[None] for box in (pair.search_bbox, pair.template_bbox))
        yield net.label(search, template, (cells, cells))


def set_up_torch(threads: int, *, deterministic: bool) -> None:
    """Set the number of threads, and on a GPU choose deterministic or the quickest kernels."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)  # more do not pay for small crops, and take the cores from the loader's workers
    if torch.cuda.is_available():
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read by cuBLAS at its first call
        torch.backends.cudnn.benchmark = not deterministic
        torch.use_deterministic_algorithms(deterministic)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
