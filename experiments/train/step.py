"""The optimiser step, and everything that it changes."""

import math
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from data.pairs.dataset import PairBatch
from data.pairs.jitter_appearance import PhotometricJitter
from experiments.train.objective import PairObjective, PairOutcome
from experiments.train.processes import Processes
from experiments.train.settings import TrainingSettings, distillation_steps
from tracker.network.regression_net import RegressionNet

_STATEFUL = ("objective", "average", "optimiser", "scaler")

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class WeightAverage:
    """Running mean of a network's weights, ``a <- a + (1 - d)(w - a)``, in a network that is not trained.

    The decay d is ``min(decay, (1 + n) / (10 + n))`` at the n-th update, so that the start is soon forgotten
    (as in TensorFlow's ExponentialMovingAverage). Buffers are copied.

    Args:
        net: the network whose weights are averaged.
        decay: in [0, 1); 0 takes the weights as they are.
    """

    def __init__(self, net: RegressionNet, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"ema_decay must be in [0, 1), got {decay}")
        self.decay, self.updates = decay, 0
        self.net = deepcopy(net).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        """Add the network's present weights to the mean."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        for averaged, present in zip(self.net.parameters(), net.parameters(), strict=True):
            averaged.lerp_(present, 1 - decay)
        for kept, buffer in zip(self.net.buffers(), net.buffers(), strict=True):
            kept.copy_(buffer)

    def state_dict(self) -> dict[str, Any]:
        """The mean weights and the number of updates."""
        return {"net": self.net.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` gave."""
        self.net.load_state_dict(state["net"])
        self.updates = state["updates"]


class StepResult(NamedTuple):
    """The result of an optimiser step.

    Attributes:
        outcome: the outcome of the batch, or of its last part if gradients are accumulated over several.
        numbers: float32 ``(5,)`` on the device: loss, response's loss, boxes' loss, teacher's term (all of this
            process's share), and the gradient's norm before clipping.
        skipped: whether the weights were left as they are.
    """

    outcome: PairOutcome
    numbers: Tensor
    skipped: bool


class Learner:
    """An objective, its optimiser and the mean of its weights.

    Args:
        objective: network and loss, on its device; its images come as uint8.
        optimiser: its groups may have a ``factor``, by which their rate is multiplied.
        processes: this process among those that train together.
        settings: the run's settings.
        jitter: the jitter of the pairs' appearance; or None.
    """

    def __init__(
        self,
        objective: PairObjective,
        optimiser: torch.optim.Optimizer,
        processes: Processes,
        settings: TrainingSettings,
        jitter: PhotometricJitter | None,
    ) -> None:
        compute = settings.compute
        self.objective, self.optimiser, self.processes = objective.train(), optimiser, processes
        self.jitter, self.seed = jitter, settings.seed
        self.dtype, self.accumulation = PRECISIONS[compute.precision], compute.accumulation
        self.skip_nonfinite = settings.on_nan == "skip"
        self.distillation_steps, self.window = distillation_steps(settings), settings.distillation.window
        self.forced_steps = round(settings.distillation.forcing * self.distillation_steps)
        self.clip = settings.optimiser.clip or math.inf
        self.memory_format = torch.channels_last if compute.channels_last else torch.contiguous_format
        objective.net.to(memory_format=self.memory_format)  # type: ignore[call-overload]  # missing in its types
        self.average = WeightAverage(objective.net, settings.ema_decay)
        self._backbone_learns = any(
            group.get("factor", 1.0) > 0
            for group in optimiser.param_groups
            if {id(one) for one in group["params"]} & {id(one) for one in objective.net.backbone.parameters()}
        )
        self.scaler = torch.amp.GradScaler(processes.device.type, enabled=compute.precision == "fp16")
        self.parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
        if compute.compile:
            # Not the filter layer: the compiler skips its complex numbers, and takes minutes to find out.
            objective.net.backbone.compile()
            objective.criterion.compile()
        # Before DistributedDataParallel, which waits for a gradient of every weight that needs one.
        self._choose_what_learns(self.distillation_steps > 0)
        self.model: nn.Module = objective
        if processes.world_size > 1:
            # While a teacher is imitated, filter and heads have no gradient.
            partly = self.distillation_steps > 0
            self.model = DistributedDataParallel(objective, find_unused_parameters=partly)

    def step(self, batch: PairBatch, rate: float, number: int) -> StepResult:
        """Take one optimiser step.

        The step waits for the device only if steps may be skipped or the precision is fp16.

        Args:
            batch: this process's share of the pairs.
            rate: learning rate.
            number: number of the step, from 0; seeds the jitter.
        """
        distilling = number < self.distillation_steps
        forced = max(0.0, 1 - number / self.forced_steps) if self.forced_steps else 0.0
        self._choose_what_learns(distilling)
        self.objective.criterion.set_step(max(0, number - self.distillation_steps))
        for group in self.optimiser.param_groups:
            group["lr"] = rate * (1.0 if distilling else group.get("factor", 1.0))
        inputs = self._to_device(self._windows(batch, number) if distilling else batch, number)
        parts = list(zip(*(tensor.chunk(self.accumulation) for tensor in inputs), strict=True))
        total = torch.zeros(4, device=self.processes.device)
        for index, part in enumerate(parts):
            with self._exchange(index == len(parts) - 1):
                with torch.autocast(self.processes.device.type, self.dtype, self.dtype != torch.float32):
                    outcome = self.model(*part, distilling=distilling, forced=forced)
                self.scaler.scale(outcome.loss / len(parts)).backward()
            losses = (outcome.loss.detach(), outcome.response_loss, outcome.box_loss, outcome.imitation_loss)
            total += torch.stack(losses)
        self.scaler.unscale_(self.optimiser)
        norm = nn.utils.clip_grad_norm_(self.parameters, self.clip)
        numbers = torch.cat([total / len(parts), norm.detach().view(1)])
        skipped = self.skip_nonfinite and self.processes.any(not self.are_finite(numbers))
        if not skipped:
            self.scaler.step(self.optimiser)
            self.average.update(self.objective.net)
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        return StepResult(outcome, numbers, skipped)

    @torch.no_grad()
    def evaluate(self, batch: PairBatch) -> PairOutcome:
        """Compute the outcome of a batch without learning from it."""
        with torch.autocast(self.processes.device.type, self.dtype, self.dtype != torch.float32):
            outcome: PairOutcome = self.objective(*self._to_device(batch, 0))
        return outcome

    def are_finite(self, numbers: Tensor) -> bool:
        """Whether a step's ``numbers`` are finite; fp16's scaler handles gradients that overflow."""
        return bool(numbers[: 4 if self.scaler.is_enabled() else 5].isfinite().all())

    def _choose_what_learns(self, distilling: bool) -> None:
        """Freeze a backbone whose rate is 0, and the batch statistics of one that was distilled."""
        backbone = self.objective.net.backbone
        backbone.requires_grad_(distilling or self._backbone_learns)
        backbone.train(distilling or (self._backbone_learns and not self.distillation_steps))

    def _windows(self, batch: PairBatch, number: int) -> PairBatch:
        """Cut a window out of each crop, at a place that depends on the step alone; boxes may leave the window."""
        side = batch.search.shape[-1]
        room = max(side - self.window, 0)
        y, x = np.random.default_rng([self.seed, number]).integers(0, room + 1, 2)
        rows, columns = slice(y, y + self.window), slice(x, x + self.window)
        shift = torch.tensor([x, y, 0, 0], dtype=batch.search_bbox.dtype)
        return batch._replace(
            template=batch.template[..., rows, columns],
            template_bbox=batch.template_bbox - shift,
            search=batch.search[..., rows, columns],
            search_bbox=batch.search_bbox - shift,
        )

    def _to_device(self, batch: PairBatch, number: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Move a batch to the device, convert its uint8 images to float32 there and jitter them."""
        device = self.processes.device
        template, template_bbox, search, search_bbox = (
            tensor.to(device, non_blocking=True)
            for tensor in (batch.template, batch.template_bbox, batch.search, batch.search_bbox)
        )
        template, search = template.to(torch.float32), search.to(torch.float32)
        if self.jitter is not None:
            # Seeded by the step alone: a resumed run needs no state of it. On the CPU, as it draws few numbers.
            seed = np.random.SeedSequence([self.seed, number]).generate_state(1)[0]
            generator = torch.Generator().manual_seed(int(seed))
            ranks = {"rank": self.processes.rank, "world_size": self.processes.world_size}
            template, search = self.jitter(template, template_bbox, search, search_bbox, generator, **ranks)
        # After the jitter, which does not keep the memory format.
        template, search = (
            images.contiguous(memory_format=self.memory_format) for images in (template, search)
        )
        return template, template_bbox, search, search_bbox

    def _exchange(self, now: bool) -> AbstractContextManager[None]:
        """Sum the gradients over the processes once a step, with its last part."""
        if now or not isinstance(self.model, DistributedDataParallel):
            return nullcontext()
        return self.model.no_sync()

    def state_dict(self) -> dict[str, Any]:
        """The state of objective, mean, optimiser and scaler, as tensors and numbers."""
        return {name: getattr(self, name).state_dict() for name in _STATEFUL}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` gave."""
        for name in _STATEFUL:
            getattr(self, name).load_state_dict(state[name])
