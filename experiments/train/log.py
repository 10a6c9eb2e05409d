"""The log of a run: lines with the time left, metrics.jsonl, TensorBoard."""

import json
import math
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.boxes import Image
from data.files import naming_the_file
from data.pairs.dataset import PairBatch
from experiments.drawing.frames import colour_map, draw_bbox
from experiments.drawing.palette import GREEN
from experiments.runtime.progress import time_left
from experiments.train.objective import PairOutcome
from experiments.train.processes import Processes
from experiments.train.run_files import EVENTS, METRICS
from experiments.train.step import StepResult
from losses.settings import easy_background_share

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

SHOWN = 4
"""Number of a batch's pairs in TensorBoard's pictures."""

_CELL = 4  # side of a map's cell in these pictures, pixels

NUMBERS = ("loss", "response_loss", "box_loss", "imitation_loss", "gradient_norm")
"""Names of ``StepResult.numbers``."""


PATIENCE = 2.0, 30.0
"""Seconds until a step is said to be done though its numbers are not due: of the first such line, and of the others."""


class _Note(NamedTuple):
    """A step whose numbers are still on the device."""

    step: int
    rate: float
    numbers: Tensor
    is_finite: Tensor
    sources: tuple[str, ...]


class RunLog:
    """Collects the results of the steps and writes them every so many steps.

    The numbers stay on the device until they are written, so that no step waits for it. Every process keeps a log;
    the first one writes. A line of metrics.jsonl holds means over the steps since the line before.

    Args:
        folder: the run's folder.
        processes: this process among those that train together.
        steps: number of steps of the whole run.
        scaled: gradients are scaled (fp16), so that one that overflows is no error.
    """

    def __init__(self, folder: Path, processes: Processes, steps: int, *, scaled: bool = False) -> None:
        self._folder, self._processes, self._steps = folder, processes, steps
        self._must_be_finite = len(NUMBERS) - scaled
        self._bytes = 0
        self._notes: list[_Note] = []
        self._rows: list[list[float]] = []
        self._said, self._patience = 0.0, PATIENCE[0]
        self._writer: SummaryWriter | None = None
        self._restart_clock()

    def resume(self, state: Mapping[str, Any]) -> None:
        """Restore the state of a checkpoint; ``open`` drops the lines written after it."""
        self._bytes, self._rows = state["bytes"], [list(row) for row in state["rows"]]

    @contextmanager
    def open(self, step: int) -> Iterator[None]:
        """Open the files after ``step`` steps, and close them at the end."""
        if self._processes.is_first:
            from torch.utils.tensorboard import SummaryWriter

            with naming_the_file(self._folder / METRICS) as path, path.open("ab") as file:
                file.truncate(self._bytes)
            with self._events():
                self._writer = SummaryWriter(str(self._folder), purge_step=step + 1)
        self._restart_clock()
        hook = threading.excepthook
        threading.excepthook = lambda met: None if isinstance(met.exc_value, OSError) else hook(met)
        try:
            yield
        finally:
            threading.excepthook = hook
            if self._writer:
                with self._events():
                    self._writer.flush()  # raises what its thread met
                    self._writer.close()

    def _events(self) -> AbstractContextManager[Path]:
        """For errors of writing TensorBoard's files, whose names are its own."""
        return naming_the_file(self._folder / EVENTS)

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint: the length of metrics.jsonl, and the steps that no line holds yet.

        Raises:
            RuntimeError: as ``write``.
        """
        self._read_back()
        return {"bytes": self._bytes, "rows": [list(row) for row in self._rows]}

    def note(self, step: int, rate: float, batch: PairBatch, result: StepResult, waited: float) -> None:
        """Note a step that waited ``waited`` seconds for its data; the device is not waited for."""
        is_finite = result.outcome.sample_loss.isfinite()
        note = _Note(step, rate, result.numbers, is_finite, batch.sources)
        self._waited += waited
        self._timed += 1
        if self._processes.is_first and time.perf_counter() - self._said > self._patience:
            pace = (time.perf_counter() - self._since) / self._timed
            rest = time_left(pace * (self._steps - step))
            print(f"step {step}/{self._steps}  step {1e3 * pace:.1f} ms  {rest}", flush=True)
            self._said, self._patience = time.perf_counter(), PATIENCE[1]
        for message in batch.skipped:
            print(f"step {step}: another pair was drawn, {message}", flush=True)
        if result.skipped:
            print(f"left out: {_complaint(note, result.numbers.tolist())}", flush=True)
        else:
            self._notes.append(note)

    def write(self, step: int, rate: float, result: StepResult) -> None:
        """Write the line of the steps since the last line; all processes call this.

        Raises:
            RuntimeError: a number is not finite; the message names step, rate and files.
        """
        self._read_back()
        # Skipped steps have no row. If all were skipped there is nothing to average.
        columns = zip(*self._rows, strict=True) if self._rows else [()] * len(NUMBERS)
        means: dict[str, float] = {name: _mean(column) for name, column in zip(NUMBERS, columns, strict=True)}
        outcome = result.outcome
        share = easy_background_share(outcome.location_loss, outcome.prediction, outcome.label)
        means |= {"rate": rate, "easy_background_share": share}
        unexplained = outcome.unexplained.tolist()
        means |= {f"unexplained_{number}": value for number, value in enumerate(unexplained)}
        elapsed = (time.perf_counter() - self._since) / max(self._timed, 1)
        waited = self._waited / max(self._timed, 1)
        self._scalars(step, "train", means | {"data_ms": 1e3 * waited, "step_ms": 1e3 * elapsed})
        if self._processes.is_first:
            easy = f"  easy background {share:.0%}" if math.isfinite(share) else ""
            if unexplained:
                easy += f"  teacher unexplained {', '.join(f'{value:.3f}' for value in unexplained)}"
            print(
                f"step {step:>{len(str(self._steps))}}/{self._steps}  loss {means['loss']:.5f}"
                f" (response {means['response_loss']:.5f}, box {means['box_loss']:.5f})  rate {rate:.2e}"
                f"  gradient {means['gradient_norm']:.3g}{easy}"
                f"  data {1e3 * waited:.1f} ms  step {1e3 * elapsed:.1f} ms"
                f"  {time_left(elapsed * (self._steps - step))}",
                flush=True,
            )
        self._rows.clear()
        self._restart_clock()

    def write_scores(self, step: int, scores: Mapping[str, float], is_best: bool) -> None:
        """Write the tracking scores of the averaged weights."""
        self._scalars(step, "validation", scores)
        if self._processes.is_first:
            shown = "  ".join(f"{name} {value:.3f}" for name, value in scores.items())
            print(f"step {step}: tracking {shown}{', the best so far' if is_best else ''}", flush=True)
        self._restart_clock()

    def write_pictures(self, step: int, batch: PairBatch, result: StepResult) -> None:
        """Show a batch, its responses and its errors in TensorBoard."""
        if self._writer:
            outcome = result.outcome
            for name, picture in (
                ("search crops", crops_with_boxes(batch)),
                ("response | label", responses_beside_labels(outcome)),
            ):
                with self._events():
                    self._writer.add_image(name, picture, step, dataformats="HWC")
            error = (outcome.prediction - outcome.label).abs().float().cpu()
            with self._events():
                self._writer.add_histogram("|p - y|", error.flatten().numpy(), step)

    def _read_back(self) -> None:
        """Fetch the numbers of the noted steps; all processes do so at the same step.

        Raises:
            RuntimeError: a number is not finite; the message names step, rate and files.
        """
        if not self._notes:
            return
        mine = torch.stack([note.numbers for note in self._notes]).cpu()
        together = self._processes.mean(mine).tolist()
        for note, own, row in zip(self._notes, mine.tolist(), together, strict=True):
            if not all(map(math.isfinite, row[: self._must_be_finite])):
                raise RuntimeError(
                    f"{_complaint(note, own)}. Nothing of it was saved: lower optimiser.rate and go on with "
                    "--resume, or leave such steps out with --on-nan skip"
                )
            self._rows.append(row)
        self._notes.clear()

    def _scalars(self, step: int, part: str, values: Mapping[str, float]) -> None:
        if self._writer is None:
            return
        known = {name: value for name, value in values.items() if math.isfinite(value)}
        line = json.dumps({"step": step, "part": part, **known}).encode() + b"\n"
        with naming_the_file(self._folder / METRICS) as path, path.open("ab") as file:
            file.write(line)
        self._bytes += len(line)
        with self._events():
            for name, value in known.items():
                self._writer.add_scalar(f"{part}/{name}", value, step)

    def _restart_clock(self) -> None:
        self._since, self._waited, self._timed = time.perf_counter(), 0.0, 0
        self._said = self._since


def _mean(values: tuple[float, ...]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan


def _complaint(note: _Note, numbers: list[float]) -> str:
    """Name the step of a loss that is not finite, and the pairs of this process that made it so."""
    loss, *_, norm = numbers
    culprits = [name for name, fine in zip(note.sources, note.is_finite.tolist(), strict=False) if not fine]
    return (
        f"loss {loss:g} and gradient norm {norm:g} must be finite: step {note.step}, rate {note.rate:.3g}, "
        + ("pairs that made it so: " if culprits else "pairs of the batch: ")
        + "; ".join(culprits or note.sources)
    )


def crops_with_boxes(batch: PairBatch) -> Image:
    """Draw the templates above and the search crops below, each with the target's box."""
    return np.vstack(
        [
            np.hstack(list(map(_boxed, images[-SHOWN:].numpy(), bboxes[-SHOWN:].numpy())))
            for images, bboxes in ((batch.template, batch.template_bbox), (batch.search, batch.search_bbox))
        ]
    )


def responses_beside_labels(outcome: PairOutcome) -> Image:
    """Draw the predictions above and the labels below, of the pairs that `crops_with_boxes` shows."""
    rows = [
        np.hstack([colour_map(one[0]) for one in maps[-SHOWN:].float().cpu().numpy()])
        for maps in (outcome.prediction, outcome.label)
    ]
    return np.vstack(rows).repeat(_CELL, axis=0).repeat(_CELL, axis=1)


def _boxed(image: NDArray[np.uint8], bbox: NDArray[np.float32]) -> Image:
    picture = np.ascontiguousarray(image.transpose(1, 2, 0))
    draw_bbox(picture, bbox, GREEN)
    return picture
