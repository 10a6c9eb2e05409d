"""Where the runs of a benchmark happen: in processes of this machine, or on a Ray cluster."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import wait

from experiments.benchmark.jobs import Job, Outcome
from experiments.benchmark.worker import POLL_SECONDS, Worker

Engine = Callable[[Sequence[Job], Callable[[int], object]], Iterator[Outcome]]
"""Does the jobs, begun in their order; tells its second argument how many more frames are done."""


def local_engine(workers: int, timeout: float | None) -> Engine:
    """Processes of this machine.

    Args:
        workers: Number of processes.
        timeout: Seconds for one frame, or None.
    """

    def run(jobs: Sequence[Job], advance: Callable[[int], object]) -> Iterator[Outcome]:
        crew = [Worker(timeout) for _ in range(min(workers, len(jobs)))]
        waiting = deque(jobs)
        try:
            while True:
                for worker in crew:
                    if worker.job is None and waiting:
                        worker.start(waiting.popleft())
                busy = [worker for worker in crew if worker.job is not None]
                if not busy:
                    return
                wait([worker.connection for worker in busy], POLL_SECONDS)
                for worker in busy:
                    before = worker.frames_done
                    outcome = worker.collect()
                    if outcome is None:
                        advance(worker.frames_done - before)
                    else:
                        advance(len(outcome.job.paths) - before)
                        yield outcome
        finally:
            for worker in crew:
                worker.close()

    return run
