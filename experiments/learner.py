"""Everything that changes in an optimiser step, and the step itself."""

import math
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from data.pairs import PairBatch
from experiments.objective import Outcome, PairObjective
from experiments.processes import Processes

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class WeightAverage:
    """Running mean of a network's weights, ``a <- a + (1 - d)(w - a)``; its network is for use, not for training.

    The decay d is ``min(decay, (1 + n) / (10 + n))`` at the n-th update, so that the start is soon forgotten
    (as in TensorFlow's ExponentialMovingAverage). Buffers are copied.

    Args:
        net: whose weights to average.
        decay: in [0, 1); 0 takes the weights as they are.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"ema_decay must be in [0, 1), got {decay}")
        self.decay, self.updates = decay, 0
        self.net = deepcopy(net).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        """Take the present weights in."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        averaged, present = list(self.net.parameters()), list(net.parameters())
        torch._foreach_lerp_(averaged, present, 1 - decay)
        for kept, buffer in zip(self.net.buffers(), net.buffers(), strict=True):
            kept.copy_(buffer)

    def state_dict(self) -> dict[str, Any]:
        """Weights and number of updates."""
        return {"net": self.net.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What ``state_dict`` gave."""
        self.net.load_state_dict(state["net"])
        self.updates = state["updates"]


class Learner:
    """An objective, its optimiser and the mean of its weights.

    Args:
        objective: network and loss, on its device; its images come as uint8.
        optimiser: whose groups may have a ``factor``, what the rate is multiplied with for them.
        processes: this process among those that train together.
        jitter: photometric jitter of float images, or None.
        seed: of the jitter.
        precision: of the forward pass.
        accumulation: parts a batch is computed in.
        clip: largest norm of the gradient; 0 leaves it alone.
        ema_decay: of the mean of the weights.
        skip_nonfinite: leave steps out whose loss or gradient is not finite.
        compiled: compile the objective.
        channels_last: memory format of images and convolutions.
    """

    def __init__(
        self,
        objective: PairObjective,
        optimiser: torch.optim.Optimizer,
        processes: Processes,
        *,
        jitter: nn.Module | None = None,
        seed: int = 0,
        precision: Literal["fp32", "bf16", "fp16"] = "fp32",
        accumulation: int = 1,
        clip: float = 5.0,
        ema_decay: float = 0.98,
        skip_nonfinite: bool = False,
        compiled: bool = False,
        channels_last: bool = False,
    ) -> None:
        self.objective, self.optimiser, self.processes = objective.train(), optimiser, processes
        self.jitter, self.seed = jitter, seed
        self.dtype, self.accumulation, self.skip_nonfinite = PRECISIONS[precision], accumulation, skip_nonfinite
        self.clip = clip or math.inf
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        objective.net.to(memory_format=self.memory_format)
        self.average = WeightAverage(objective.net, ema_decay)
        self.scaler = torch.amp.GradScaler(processes.device.type, enabled=precision == "fp16")
        self.parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
        if compiled:
            objective.compile()
        self.model: nn.Module = objective
        if processes.world_size > 1:
            self.model = DistributedDataParallel(objective, broadcast_buffers=False)

    def step(self, batch: PairBatch, rate: float, number: int) -> tuple[Outcome, Tensor, bool]:
        """One optimiser step.

        Nothing here waits for the device, unless steps are to be skipped or the precision is fp16.

        Args:
            batch: this process's share of the pairs.
            rate: learning rate.
            number: of the step; seeds the jitter.

        Returns:
            The outcome of the batch (of its last part), ``(5,)`` loss, its two parts, gradient norm and 1 if all
            of it is finite, and whether the step was left out.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group.get("factor", 1.0)
        total = torch.zeros(3, device=self.processes.device)
        for part, is_last in self._parts(self._to_device(batch, number)):
            with nullcontext() if is_last else self._without_exchange():
                with torch.autocast(part[0].device.type, self.dtype, enabled=self.dtype != torch.float32):
                    outcome = self.model(*part)
                self.scaler.scale(outcome.loss / self.accumulation).backward()
            total += torch.stack([outcome.loss.detach(), outcome.response_loss, outcome.box_loss])
        self.scaler.unscale_(self.optimiser)
        norm = nn.utils.clip_grad_norm_(self.parameters, self.clip)
        numbers = torch.cat([total / self.accumulation, norm.detach().view(1)])
        is_skipped = self.skip_nonfinite and self.processes.any(not bool(numbers.isfinite().all()))
        if not is_skipped:
            self.scaler.step(self.optimiser)
            self.average.update(self.objective.net)
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        return outcome, numbers, is_skipped
