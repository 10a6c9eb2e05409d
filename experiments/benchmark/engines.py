"""The engines that run a benchmark: processes of this machine, or a Ray cluster."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from multiprocessing.connection import wait

from experiments.benchmark.jobs import Job, Outcome
from experiments.benchmark.worker import POLL_SECONDS, Worker

Engine = Callable[[Sequence[Job], Callable[[int], object]], Iterator[Outcome]]
"""Starts the jobs in their order and yields their outcomes; calls its second argument with the frames done since."""


def local_engine(workers: int, timeout: float | None) -> Engine:
    """Processes of this machine; ``timeout``: seconds for one frame, or None."""

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


def ray_engine(workers: int, timeout: float | None, address: str | None) -> Engine:
    """A Ray cluster, see `experiments.runtime.cluster.ray_cluster`.

    Args:
        workers: Number of processes where Ray is started on this machine; a running cluster uses all it has.
        timeout: Seconds for one frame, or None.
        address: Address of a running cluster; None to start Ray here.

    Raises:
        RuntimeError: Ray is not installed.
    """
    from experiments.runtime.cluster import Call, ray_cluster

    run_on_ray = ray_cluster(workers, address)

    def run(jobs: Sequence[Job], advance: Callable[[int], object]) -> Iterator[Outcome]:
        calls = [Call((job, timeout), on_gpu=job.contender.device != "cpu") for job in jobs]
        for ended in run_on_ray(_do, calls):
            job = jobs[ended.number]
            advance(len(job.paths))
            yield ended.result or Outcome.failed(job, ended.error)

    return run


def _do(job: Job, timeout: float | None) -> Outcome:
    return _worker(timeout).run(job)


@cache
def _worker(timeout: float | None) -> Worker:
    """The one child process of a Ray worker; it keeps its trackers, and may hang or crash like any other."""
    return Worker(timeout)
