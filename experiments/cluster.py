"""The benchmark's runs on a Ray cluster: the same jobs, on as many machines as the cluster has."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

from experiments.engines import Engine
from experiments.jobs import Job, Outcome
from experiments.worker import Worker

_CHECKOUT = Path(__file__).resolve().parents[1]
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
    try:
        import ray
    except ImportError:
        raise RuntimeError("--engine ray needs Ray: pip install -r requirements-cluster.txt") from None

    def run(jobs: Sequence[Job], advance: Callable[[int], object]) -> Iterator[Outcome]:
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
        task = ray.remote(num_cpus=1, max_retries=-1)(_do)
        try:
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
        finally:
            ray.shutdown()

    return run


def _do(job: Job, timeout: float | None) -> Outcome:
    return _worker(timeout).run(job)


@cache
def _worker(timeout: float | None) -> Worker:
    """The one child of a Ray worker: it may hang or crash like any other, and keeps its trackers."""
    return Worker(timeout)
