"""Where the units of a comparison run: in processes of this machine, or on a Ray cluster.

The benchmark's engines hand out runs of trackers, watch each frame and stop one that hangs. A unit here is a
training; it has no frames to watch. What the two share is how a cluster is joined.
"""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NamedTuple

from experiments.compare.plan import Unit

Settings = Mapping[str, Any]


class Done(NamedTuple):
    """What came of a unit: what its file is to hold, or what went wrong, in a line."""

    unit: Unit
    result: dict[str, Any] | None
    error: str = ""


Engine = Callable[[Sequence[Unit], Settings], Iterator[Done]]
"""Does the units, begun in their order; yields each when it is done."""


def local_engine(workers: int) -> Engine:
    """Processes of this machine, each with one thread."""

    def run(units: Sequence[Unit], settings: Settings) -> Iterator[Done]:
        methods = multiprocessing.get_all_start_methods()
        context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        left = deque(units)
        running: dict[Future[Done], Unit] = {}
        with ProcessPoolExecutor(max(1, min(workers, len(units))), context) as pool:
            while left or running:
                # No more are handed out than run: after Ctrl-C, which all processes get, nothing else begins.
                while left and len(running) < workers:
                    unit = left.popleft()
                    running[pool.submit(perform, unit, settings)] = unit
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    unit = running.pop(future)
                    try:
                        yield future.result()
                    except BrokenProcessPool:
                        yield Done(unit, None, "its process died; memory may have run out")
                        left.clear()  # the pool takes no more

    return run


def ray_engine(workers: int, address: str | None, *, on_gpu: bool) -> Engine:
    """A Ray cluster whose nodes see the clips under the same paths; a unit whose machine dies is done elsewhere.

    Raises:
        RuntimeError: Ray is not installed.
    """
    from experiments.runtime.cluster import running_cluster

    cluster = running_cluster(workers, address)

    def run(units: Sequence[Unit], settings: Settings) -> Iterator[Done]:
        with cluster() as ray:
            task = ray.remote(num_cpus=1, num_gpus=int(on_gpu), max_retries=-1)(perform)
            waiting = {task.remote(unit, settings): unit for unit in units}
            while waiting:
                (ended,), _ = ray.wait(list(waiting))
                unit = waiting.pop(ended)
                try:
                    yield ray.get(ended)
                except ray.exceptions.RayError as error:
                    yield Done(unit, None, f"Ray could not run it: {' '.join(str(error).split())}")

    return run


def perform(unit: Unit, settings: Settings) -> Done:
    """Do a unit in this process; whatever it raises is its own failure."""
    from contextlib import redirect_stdout
    from io import StringIO

    try:
        with redirect_stdout(StringIO()):  # the training loop's lines: many units speak at once
            if unit.stage == "offline":
                from experiments.compare.offline import train_unit

                return Done(unit, train_unit(unit, settings))
            from experiments.compare.online import online_unit

            return Done(unit, online_unit(unit, settings))
    except Exception as error:
        return Done(unit, None, f"{type(error).__name__}: {' '.join(str(error).split())}")
