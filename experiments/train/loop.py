"""The training loop.

A step depends on its number, the checkpoint and the config only: a run that was killed resumes bit for bit.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from data.pairs.dataset import PairBatch, PairDataset, build_loader
from experiments.runtime.interrupt import Interrupt
from experiments.train.log import RunLog
from experiments.train.processes import Processes
from experiments.train.run_files import BEST, random_state, restore_random_state, save_last, save_weights
from experiments.train.settings import TrainingSettings, as_mapping
from experiments.train.step import Learner, StepResult
from tracker.network.regression_net import RegressionNet

Batches = Iterable[tuple[PairBatch, float]]
"""This process's share of each batch, and the seconds that the step waited for it."""

Validate = Callable[[RegressionNet], dict[str, float]]
"""Scores of a network by name, ``ao`` among them."""

_AGREE_EVERY = 10
"""Steps between the questions of several processes whether to stop: each costs a message to all."""


class Training:
    """A training run.

    Args:
        learner: network, loss and optimiser.
        folder: gets ``last.pt``, ``best.safetensors``, ``metrics.jsonl`` and TensorBoard's events.
        processes: this process among those that train together.
        validate: scores a network; the weights with the highest ``ao`` are the best. Every process calls it.
        settings: the run's settings; kept in the checkpoint.
        metadata: kept in ``best.safetensors``.
    """

    def __init__(
        self,
        learner: Learner,
        folder: Path,
        processes: Processes,
        validate: Validate,
        settings: TrainingSettings,
        metadata: Mapping[str, Any],
    ) -> None:
        self.learner, self.folder, self.processes, self.validate = learner, folder, processes, validate
        self.settings, self.metadata, steps = settings, dict(metadata), settings.steps
        self.log = RunLog(folder, processes, steps, scaled=learner.scaler.is_enabled())
        self.step, self.best = 0, -1.0

    def resume(self, state: Mapping[str, Any]) -> None:
        """Continue from the checkpoint that `save` wrote."""
        self.step, self.best = state["step"], state["best"]
        self.learner.load_state_dict(state["learner"])
        self.log.resume(state["log"])
        # With another number of processes the run continues, but not bit for bit.
        restore_random_state(state["random"][self.processes.rank % len(state["random"])])

    def run(self, batches: Callable[[int], Batches], rate_at: Callable[[int], float]) -> bool:
        """Train to the end.

        Args:
            batches: yields the batches from a number on.
            rate_at: learning rate of a step, from 0.

        Returns:
            False if SIGTERM or Ctrl-C ended the run early, after a checkpoint.

        Raises:
            RuntimeError: data could not be loaded, or a loss or gradient is not finite.
        """
        with self.log.open(self.step), Interrupt() as stop:
            for batch, waited in batches(self.step):
                rate = rate_at(self.step)
                result = self.learner.step(batch, rate, self.step)
                self.step += 1
                self.log.note(self.step, rate, batch, result, waited)
                stopping = self._agree(stop.asked)
                if self._is_due(self.settings.log_every):
                    self.log.write(self.step, rate, result)
                if self._is_due(self.settings.validation.every):
                    self._keep_best(batch, result)
                if self._is_due(self.settings.checkpoint_every) or stopping:
                    self.save()
                if stopping or self.step == self.settings.steps:
                    break
        return self.step == self.settings.steps

    def save(self) -> None:
        """Write ``last.pt``; all processes call this."""
        log = self.log.state()  # raises if a number is not finite
        everyones = self.processes.gather(random_state())
        if self.processes.is_first:
            state = {"step": self.step, "best": self.best, "log": log, "random": everyones}
            about = {"learner": self.learner.state_dict(), "settings": as_mapping(self.settings)}
            about["record"] = self.metadata.get("record", {})
            save_last(self.folder, state | about)

    def _keep_best(self, batch: PairBatch, result: StepResult) -> None:
        """Track with the averaged weights, and keep them if they are the best so far."""
        self.log.write_pictures(self.step, batch, result)
        net = self.learner.average.net
        scores = self.validate(net)
        is_best = scores["ao"] > self.best
        self.log.write_scores(self.step, scores, is_best)
        if is_best:
            self.best = scores["ao"]
            if self.processes.is_first:
                save_weights(self.folder / BEST, net, {**self.metadata, "step": self.step, "scores": scores})

    def _is_due(self, every: int) -> bool:
        """Whether this step is the last one or a multiple of ``every``; with 0 the last one only."""
        return (every > 0 and self.step % every == 0) or self.step == self.settings.steps

    def _agree(self, asked: bool) -> bool:
        """Whether to stop; all processes get the same answer."""
        if self.processes.world_size > 1 and self.step % _AGREE_EVERY:
            return False
        return self.processes.any(asked)


def batches(
    pairs: PairDataset, processes: Processes, settings: TrainingSettings, start: int
) -> Iterator[tuple[PairBatch, float]]:
    """Yield this process's share of each batch from number ``start`` on, and the seconds spent waiting for it.

    Raises:
        RuntimeError: an image could not be read, or a worker died; the message says in which step.
    """
    number, size, data = start, settings.batch_size, settings.data
    share: dict[str, int] = {"batch_size": size, "rank": processes.rank, "world_size": processes.world_size}
    loader = iter(build_loader(pairs, **share, start_batch=start, workers=data.workers, context=data.context))
    while True:
        asked = time.perf_counter()
        try:
            batch = next(loader)
        except StopIteration:
            return
        except (OSError, ValueError, RuntimeError) as error:
            raise RuntimeError(_complaint(error, number, size)) from error
        yield batch, time.perf_counter() - asked
        number += 1


def _complaint(error: Exception, number: int, batch_size: int) -> str:
    """Describe an error of a worker without the traceback that the loader puts before it."""
    reason = str(error).strip().splitlines()[-1] if str(error) else type(error).__name__
    where = (
        f"loading pairs {number * batch_size} to {(number + 1) * batch_size - 1} of step {number + 1} failed"
    )
    if "DataLoader worker" in str(error) and "Traceback" not in str(error):
        return (
            f"{where}: {error}. A worker process died; killed by signal 9 it usually ran out of memory: take fewer "
            "data.workers. Go on with --resume"
        )
    return f"{where}: {reason}. Repair or remove it, or draw other pairs with --data.on_error skip"
