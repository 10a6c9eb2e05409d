"""The benchmark's runs on a Ray cluster: the same jobs, on as many machines as the cluster has."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from experiments.benchmark.engines import Engine
from experiments.benchmark.jobs import Job, Outcome
from experiments.benchmark.worker import Worker

_CHECKOUT = Path(__file__).resolve().parents[2]
_PACKAGES = ("data", "experiments", "losses", "tracker")


def ray_engine(workers: int, timeout: float | None, address: str | None) -> Engine:
    """A Ray cluster, whose nodes get this checkout's packages and see the dataset under the same path.

    A run whose worker or machine dies is run again elsewhere; results come back to this process, which alone
    writes them, so that nothing is lost or counted twice.

    Args:
        workers: Number of processes where Ray is started on this machine; a running cluster uses all it has.
        timeout: Seconds for one frame, or None.
        address: Of a running cluster; None to start Ray here.

    Raises:
        RuntimeError: Ray is not installed.
    """
    cluster = running_cluster(workers, address)

    def run(jobs: Sequence[Job], advance: Callable[[int], object]) -> Iterator[Outcome]:
        with cluster() as ray:
            task = ray.remote(num_cpus=1, max_retries=-1)(_do)
            waiting = {
                task.options(num_gpus=int(job.contender.device != "cpu")).remote(job, timeout): job
                for job in jobs
            }
            while waiting:
                (ended,), _ = ray.wait(list(waiting))
                job = waiting.pop(ended)
                try:
                    outcome = ray.get(ended)
                except ray.exceptions.RayError as error:
                    outcome = Outcome.failed(job, f"Ray could not run it: {' '.join(str(error).split())}")
                advance(len(job.paths))
                yield outcome

    return run


def _do(job: Job, timeout: float | None) -> Outcome:
    return _worker(timeout).run(job)


@cache
def _worker(timeout: float | None) -> Worker:
    """The one child of a Ray worker: it may hang or crash like any other, and keeps its trackers."""
    return Worker(timeout)


def running_cluster(workers: int, address: str | None) -> Callable[[], AbstractContextManager[Any]]:
    """What starts or joins a cluster: a context that gives the module ``ray`` and leaves the cluster at its end.

    Args:
        workers: Number of processes where Ray is started on this machine; a running cluster uses all it has.
        address: Of a running cluster; None to start Ray here.

    Raises:
        RuntimeError: Ray is not installed; said at once, not in the context.
    """
    try:
        import ray
    except ImportError:
        raise RuntimeError("--engine ray needs Ray: pip install -r requirements-cluster.txt") from None

    @contextmanager
    def started() -> Iterator[Any]:
        ray.init(
            address=address,
            num_cpus=None if address else workers,
            runtime_env={
                "working_dir": str(_CHECKOUT),
                "excludes": [f"/{one.name}" for one in _CHECKOUT.iterdir() if one.name not in _PACKAGES],
            },
            include_dashboard=None if address else False,
            log_to_driver=False,
        )
        try:
            yield ray
        finally:
            ray.shutdown()

    return started
