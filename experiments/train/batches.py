"""The batches of a training run, one by one."""

import time
from collections.abc import Iterator

from data.pairs.dataset import PairBatch, PairDataset, build_loader
from experiments.train.processes import Processes
from experiments.train.settings import TrainingSettings


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
