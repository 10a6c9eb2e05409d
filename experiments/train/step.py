"""Everything that changes in an optimiser step, and the step itself."""

import math
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from data.pairs.dataset import PairBatch
from data.pairs.jitter_appearance import PhotometricJitter
from experiments.train.objective import PairObjective, PairOutcome
from experiments.train.processes import Processes
from tracker.network.regression_net import RegressionNet

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class WeightAverage:
    """Running mean of a network's weights, ``a <- a + (1 - d)(w - a)``; its network is for use, not for training.

    The decay d is ``min(decay, (1 + n) / (10 + n))`` at the n-th update, so that the start is soon forgotten
    (as in TensorFlow's ExponentialMovingAverage). Buffers are copied.

    Args:
        net: whose weights to average.
        decay: in [0, 1); 0 takes the weights as they are.
    """

    def __init__(self, net: RegressionNet, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"ema_decay must be in [0, 1), got {decay}")
        self.decay, self.updates = decay, 0
        self.net = deepcopy(net).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        """Take the present weights in."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        for averaged, present in zip(self.net.parameters(), net.parameters(), strict=True):
            averaged.lerp_(present, 1 - decay)
        for kept, buffer in zip(self.net.buffers(), net.buffers(), strict=True):
            kept.copy_(buffer)

    def state_dict(self) -> dict[str, Any]:
        """Weights and number of updates."""
        return {"net": self.net.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What ``state_dict`` gave."""
        self.net.load_state_dict(state["net"])
        self.updates = state["updates"]


class StepResult(NamedTuple):
    """What an optimiser step gave.

    Attributes:
        outcome: of the batch, of its last part where there are several.
        numbers: float32 ``(5,)`` on the device: loss, the response's, the boxes', the teacher's term, and the norm of
            the gradient before it is clipped; the losses are those of this process's share.
        skipped: whether the weights were left as they are.
    """

    outcome: PairOutcome
    numbers: Tensor
    skipped: bool


class Learner:
    """An objective, its optimiser and the mean of its weights.

    Args:
        objective: network and loss, on its device; its images come as uint8.
        optimiser: whose groups may have a ``factor``, what the rate is multiplied with for them.
        processes: this process among those that train together.
        jitter: of the pairs' appearance, or None.
        seed: of the jitter.
        precision: of the forward pass.
        accumulation: parts a batch is computed in.
        clip: largest norm of the gradient; 0 leaves it alone.
        ema_decay: of the mean of the weights.
        skip_nonfinite: leave steps out whose loss or gradient is not finite.
        compiled: compile backbone and loss.
        channels_last: memory format of images and convolutions.
        distillation_steps: number of first steps in which the backbone imitates a teacher.
        window: side in pixels of the part of each crop that it then sees.
        forcing: share of these steps in which the share of forced images falls from 1 to 0; see ``Imitation``.
    """

    def __init__(
        self,
        objective: PairObjective,
        optimiser: torch.optim.Optimizer,
        processes: Processes,
        *,
        jitter: PhotometricJitter | None = None,
        seed: int = 0,
        precision: Literal["fp32", "bf16", "fp16"] = "fp32",
        accumulation: int = 1,
        clip: float = 5.0,
        ema_decay: float = 0.98,
        skip_nonfinite: bool = False,
        compiled: bool = False,
        channels_last: bool = False,
        distillation_steps: int = 0,
        window: int = 0,
        forcing: float = 0.0,
    ) -> None:
        self.objective, self.optimiser, self.processes = objective.train(), optimiser, processes
        self.jitter, self.seed = jitter, seed
        self.dtype, self.accumulation, self.skip_nonfinite = (
            PRECISIONS[precision],
            accumulation,
            skip_nonfinite,
        )
        self.distillation_steps, self.window = distillation_steps, window
        self.forced_steps = round(forcing * distillation_steps)
        self.clip = clip or math.inf
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        objective.net.to(memory_format=self.memory_format)  # type: ignore[call-overload]  # missing in its types
        self.average = WeightAverage(objective.net, ema_decay)
        self._backbone_learns = any(
            group.get("factor", 1.0) > 0
            for group in optimiser.param_groups
            if {id(one) for one in group["params"]} & {id(one) for one in objective.net.backbone.parameters()}
        )
        self.scaler = torch.amp.GradScaler(processes.device.type, enabled=precision == "fp16")
        self.parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
        if compiled:
            # Not the filter layer: the compiler leaves its complex numbers alone and takes minutes to find out.
            objective.net.backbone.compile()
            objective.criterion.compile()
        # Before the gradients are shared out: several processes wait for that of each weight that needs one.
        self._choose_what_learns(self.distillation_steps > 0)
        self.model: nn.Module = objective
        if processes.world_size > 1:
            # While a teacher is imitated, filter and heads have no gradient.
            partly = self.distillation_steps > 0
            self.model = DistributedDataParallel(objective, find_unused_parameters=partly)

    def step(self, batch: PairBatch, rate: float, number: int) -> "StepResult":
        """One optimiser step.

        Nothing here waits for the device, unless steps are to be skipped or the precision is fp16.

        Args:
            batch: this process's share of the pairs.
            rate: learning rate.
            number: of the step; seeds the jitter.
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
        """The outcome of a batch, without learning from it."""
        with torch.autocast(self.processes.device.type, self.dtype, self.dtype != torch.float32):
            outcome: PairOutcome = self.objective(*self._to_device(batch, 0))
        return outcome

    def are_finite(self, numbers: Tensor) -> bool:
        """Whether a step's ``numbers`` are as they should be: the scaler of fp16 sees to gradients that overflow."""
        return bool(numbers[: 4 if self.scaler.is_enabled() else 5].isfinite().all())

    def _choose_what_learns(self, distilling: bool) -> None:
        """Hold a backbone still whose rate is 0, and the images' statistics in one that a teacher has taught."""
        backbone = self.objective.net.backbone
        backbone.requires_grad_(distilling or self._backbone_learns)
        backbone.train(distilling or (self._backbone_learns and not self.distillation_steps))

    def _windows(self, batch: PairBatch, number: int) -> PairBatch:
        """A part of each crop, at a place that depends on the step alone; boxes move along and may leave it."""
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
        """Images travel as uint8 and become float where they are used."""
        device = self.processes.device
        template, template_bbox, search, search_bbox = (
            tensor.to(device, non_blocking=True)
            for tensor in (batch.template, batch.template_bbox, batch.search, batch.search_bbox)
        )
        template, search = template.to(torch.float32), search.to(torch.float32)
        if self.jitter is not None:
            # Of the step alone, so that a resumed run needs no state of it. It stays on the CPU: few numbers.
            generator = torch.Generator().manual_seed(_mix(self.seed, number))
            ranks = {"rank": self.processes.rank, "world_size": self.processes.world_size}
            template, search = self.jitter(template, template_bbox, search, search_bbox, generator, **ranks)
        # After the jitter, which does not keep it.
        template, search = (
            images.contiguous(memory_format=self.memory_format) for images in (template, search)
        )
        return template, template_bbox, search, search_bbox

    def _exchange(self, now: bool) -> AbstractContextManager[None]:
        """Gradients are summed over the processes once a step, with its last part."""
        if now or not isinstance(self.model, DistributedDataParallel):
            return nullcontext()
        return self.model.no_sync()

    def state_dict(self) -> dict[str, Any]:
        """All of it, as tensors and numbers."""
        return {
            "objective": self.objective.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What ``state_dict`` gave."""
        self.objective.load_state_dict(state["objective"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])


def _mix(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0])
