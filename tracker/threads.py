"""CPU threads: a tracker computes with a number of its own, whatever the program around it has set.

A sum over several threads depends on how many there are, and a filter that learns on line makes pixels of its last
bit. One thread is as quick as two for the small maps, and many times as quick on a busy machine.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


class _HasThreads(Protocol):
    threads: int


Owner = TypeVar("Owner", bound=_HasThreads)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch compute with ``count`` CPU threads inside, and as before afterwards."""
    before = torch.get_num_threads()
    if count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def with_own_threads(method: Callable[Concatenate[Owner, P], R]) -> Callable[Concatenate[Owner, P], R]:
    """Run a method with the ``threads`` of its object."""

    @wraps(method)
    def run(self: Owner, *arguments: P.args, **named: P.kwargs) -> R:
        with torch_threads(self.threads):
            return method(self, *arguments, **named)

    return run
