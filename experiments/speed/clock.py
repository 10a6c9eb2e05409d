"""Timers that wait for the device."""

import statistics
import time
from collections.abc import Callable

import torch


def synchronise(device: torch.device) -> None:
    """Wait until the device has done everything it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def median_seconds(step: Callable[[], object], device: torch.device, *, warm_up: int, repeats: int) -> float:
    """Median time of a step; each time the device is waited for."""
    for _ in range(warm_up):
        step()
    return statistics.median(seconds_of(step, device) for _ in range(repeats))


def seconds_of(steps: Callable[[], object], device: torch.device) -> float:
    """Time of a whole run; the device is waited for at both ends only."""
    synchronise(device)
    started = time.perf_counter()
    steps()
    synchronise(device)
    return time.perf_counter() - started


def busy_share(steps: Callable[[], object], device: torch.device) -> float | None:
    """Share of the time in which a GPU runs a kernel; None on a CPU."""
    if device.type != "cuda":
        return None
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        seconds = seconds_of(steps, device)
    kernels = sum(event.self_device_time_total for event in profiler.key_averages())
    return min(1.0, kernels / 1e6 / seconds)
