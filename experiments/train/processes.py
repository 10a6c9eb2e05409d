"""The processes of a training run: one, or as many as torchrun started."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed


@dataclass(frozen=True)
class Processes:
    """This process among those that train together.

    Attributes:
        rank: number of this process, from 0.
        world_size: number of processes.
        device: the device that this process computes on.
    """

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def any(self, mine: bool) -> bool:
        """Whether ``mine`` is true in any process; all of them must call this."""
        if self.world_size == 1:
            return mine
        flag = torch.tensor(float(mine))
        distributed.all_reduce(flag, distributed.ReduceOp.MAX)
        return bool(flag)

    def mean(self, values: Tensor) -> Tensor:
        """Mean over the processes of a float tensor on the CPU; all of them must call this."""
        if self.world_size > 1:
            values = values.clone()
            distributed.all_reduce(values)
            values /= self.world_size
        return values

    def gather(self, mine: Any) -> list[Any]:
        """The objects of all processes, by rank; all of them must call this."""
        if self.world_size == 1:
            return [mine]
        everything: list[Any] = [None] * self.world_size
        distributed.all_gather_object(everything, mine)
        return everything


@contextmanager
def join_processes(device: str) -> Iterator[Processes]:
    """Join the processes that torchrun started, as its environment variables say.

    Args:
        device: ``cpu``, ``cuda``, or ``auto`` for a GPU if there is one; each process takes the GPU with its local
            number.

    Raises:
        ValueError: there is no GPU, or fewer than processes.
    """
    rank, world_size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    place = _device(device, int(os.environ.get("LOCAL_RANK", 0)))
    if world_size == 1:
        yield Processes(0, 1, place)
        return
    # Tensors on the CPU (flags, log values) go over gloo, so that they need no wait for the GPU.
    distributed.init_process_group("cpu:gloo,cuda:nccl" if place.type == "cuda" else "gloo")
    try:
        yield Processes(rank, world_size, place)
    finally:
        # A thread of gloo may still free a tensor of the last exchange, which needs the interpreter: if that ends
        # first, the thread aborts the process. Destroying the group does not wait for it, because DDP keeps the group.
        time.sleep(0.5)
        distributed.destroy_process_group()


def _device(device: str, local_rank: int) -> torch.device:
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise ValueError(
            f"compute.device cuda was asked for, but torch {torch.__version__} sees no CUDA device"
        )
    if local_rank >= torch.cuda.device_count():
        raise ValueError(
            f"process {local_rank} of this machine has no GPU of its own: torch sees "
            f"{torch.cuda.device_count()}, start as many processes with torchrun --nproc-per-node"
        )
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)
