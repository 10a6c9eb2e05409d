"""What feeds a training run: the clips it is validated on, and its batches one by one."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from data.datasets.by_name import load_dataset
from data.datasets.clip import Clip
from data.pairs.dataset import PairBatch, PairDataset, build_loader
from data.synthetic.scene import SyntheticSequence
from data.synthetic.sequence import synthetic_sequence
from experiments.train.processes import Processes

HELD_OUT_SEED = 1_000_000
"""Synthetic clips from this seed on are for validation; training takes those near 0."""

CHALLENGES = ((), ("SV",), ("IPR",), ("OCC",), ("BC", "DEF"), ("MB", "FM"))
"""What the synthetic validation clips hold, in turns."""


def read_clips(roots: Sequence[str]) -> list[Clip]:
    """Annotated clips of ``DATASET:ROOT`` each.

    Raises:
        ValueError: an entry of another form, or an unknown dataset.
        FileNotFoundError: a root that does not exist or holds no clip.
    """
    clips: list[Clip] = []
    for entry in roots:
        name, colon, root = entry.partition(":")
        if not colon:
            raise ValueError(f"clips must be given as DATASET:ROOT, e.g. folder:/data/clips, got {entry!r}")
        clips += load_dataset(name, root)
    return clips


def validation_clips(
    *, clips: Sequence[str], names: Sequence[str], frames: int, synthetic: int
) -> list[Clip | SyntheticSequence]:
    """The clips to track: of the roots, or synthetic ones where there is no root.

    Raises:
        ValueError: a name that is none of the clips'.
    """
    if clips:
        found = {clip.name: clip for clip in read_clips(clips)}
        unknown = [name for name in names if name not in found]
        if unknown:
            raise ValueError(
                f"validation.names must be clips of {', '.join(clips)}, got {', '.join(unknown)}"
            )
        return [found[name] for name in names or found]
    return [
        synthetic_sequence(HELD_OUT_SEED + number, frames, attributes=CHALLENGES[number % len(CHALLENGES)])
        for number in range(synthetic)
    ]


def batches(
    pairs: PairDataset, processes: Processes, *, batch_size: int, start: int, workers: int, context: Any
) -> Iterator[tuple[PairBatch, float]]:
    """This process's share of each batch from number ``start`` on, and the seconds it had to be waited for.

    Raises:
        RuntimeError: an image could not be read, or a worker died; the message says in which step.
    """
    loader = iter(
        build_loader(
            pairs,
            batch_size=batch_size,
            rank=processes.rank,
            world_size=processes.world_size,
            workers=workers,
            start_batch=start,
            context=context,
        )
    )
    number = start
    while True:
        asked = time.perf_counter()
        try:
            batch = next(loader)
        except StopIteration:
            return
        except (OSError, ValueError, RuntimeError) as error:
            raise RuntimeError(_complaint(error, number, batch_size)) from error
        yield batch, time.perf_counter() - asked
        number += 1


def _complaint(error: Exception, number: int, batch_size: int) -> str:
    """What went wrong in a worker, without the traceback that the loader puts before it."""
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
