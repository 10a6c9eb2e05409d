"""The optimiser, and the learning rate as a function of the step alone."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import nn

from experiments.train.objective import PairObjective
from experiments.train.settings import OptimiserSettings, TrainingSettings, distillation_steps


def build_optimiser(objective: PairObjective, options: OptimiserSettings) -> torch.optim.Optimizer:
    """Build AdamW, or SGD with momentum 0.9, over all parameters of an objective that need a gradient.

    Each parameter group has a ``factor`` by which its rate is multiplied: ``backbone_factor`` for the backbone, else
    1. Parameters of fewer than two dimensions have no weight decay.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for path, parameter in objective.named_parameters():
        if parameter.requires_grad:
            factor = options.backbone_factor if path.startswith("net.backbone.") else 1.0
            decay = options.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((factor, decay), []).append(parameter)
    described = [
        {"params": parameters, "factor": factor, "weight_decay": decay}
        for (factor, decay), parameters in groups.items()
    ]
    if options.name == "sgd":
        return torch.optim.SGD(described, lr=1.0, momentum=0.9)
    return torch.optim.AdamW(described, lr=1.0, fused=next(objective.parameters()).is_cuda)


DISTILLATION_WARMUP = 200


def rate_at(settings: TrainingSettings, step: int) -> float:
    """The learning rate in ``step``, from 0: the distillation's schedule, then that of the training."""
    first, options = distillation_steps(settings), settings.optimiser
    if step < first:
        warmup = min(DISTILLATION_WARMUP, first // 2)
        return settings.distillation.rate * rate_factor(step, first, "cosine", warmup=warmup)
    step, steps = step - first, settings.steps - first
    shape: dict[str, Any] = {"warmup": options.warmup, "milestones": options.milestones, "drop": options.drop}
    return options.rate * rate_factor(step, steps, options.schedule, **shape)


def rate_factor(
    step: int,
    steps: int,
    schedule: Literal["cosine", "step", "constant"] = "cosine",
    *,
    warmup: int = 0,
    milestones: Sequence[int] = (),
    drop: float = 0.1,
) -> float:
    """The learning rate in ``step`` (0 to ``steps - 1``) over its highest value.

    It rises linearly, ``(step + 1) / warmup``, in the first ``warmup`` steps. Then ``cosine`` falls as
    ``(1 + cos(pi t)) / 2`` with t the share of the remaining steps that is done (Loshchilov and Hutter, SGDR, ICLR
    2017, without restarts); ``step`` multiplies by ``drop`` from each milestone on; ``constant`` stays 1.
    """
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "cosine":
        return (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2
    return drop ** sum(step >= milestone for milestone in milestones) if schedule == "step" else 1.0
