"""Calls of a function on a Ray cluster."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

_CHECKOUT = Path(__file__).resolve().parents[2]
_PACKAGES = ("data", "experiments", "losses", "tracker")


class Ended(NamedTuple):
    """The end of a call.

    Attributes:
        number: number of the call, from 0.
        result: the function's result; None if Ray could not run the call.
        error: why Ray could not run the call, in a line; else empty.
    """

    number: int
    result: Any
    error: str = ""


class Call(NamedTuple):
    """Arguments of a call, and whether it needs a GPU."""

    arguments: tuple[Any, ...]
    on_gpu: bool = False


RunOnRay = Callable[[Callable[..., Any], Sequence[Call]], Iterator[Ended]]
"""Makes the calls of a function; yields each call as it ends."""


def ray_cluster(workers: int, address: str | None) -> RunOnRay:
    """Prepare calls on a Ray cluster, whose nodes get this checkout's packages and see files under the same paths.

    A call whose worker or machine dies is made again elsewhere. Only this process writes results, so that none is
    lost or counted twice.

    Args:
        workers: Number of processes if Ray is started on this machine; a running cluster uses all it has.
        address: Address of a running cluster; None to start Ray here.

    Raises:
        RuntimeError: Ray is not installed; raised at once, not at the first call.
    """
    try:
        import ray
    except ImportError:
        raise RuntimeError("--engine ray needs Ray: pip install -r requirements-cluster.txt") from None

    def run(function: Callable[..., Any], calls: Sequence[Call]) -> Iterator[Ended]:
        _start(ray, workers, address)
        try:
            task = ray.remote(num_cpus=1, max_retries=-1)(function)
            waiting = {
                task.options(num_gpus=int(call.on_gpu)).remote(*call.arguments): number
                for number, call in enumerate(calls)
            }
            while waiting:
                (ended,), _ = ray.wait(list(waiting))
                number = waiting.pop(ended)
                try:
                    yield Ended(number, ray.get(ended))
                except ray.exceptions.RayError as error:
                    yield Ended(number, None, f"Ray could not run it: {' '.join(str(error).split())}")
        finally:
            ray.shutdown()

    return run


def _start(ray: ModuleType, workers: int, address: str | None) -> None:
    """Start Ray on this machine, or join the cluster at ``address``."""
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
