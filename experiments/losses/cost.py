"""The cost of the losses: forward plus backward against ``F.mse_loss``, side by side in one run."""

import ctypes
import platform
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from experiments.drawing.markdown import markdown_table
from experiments.runtime.provenance import processor
from losses import build_loss

SHAPES = ((32, 1, 25, 25), (32, 1, 127, 127), (8, 1, 255, 255))
NAMES = (
    *("l2", "l3", "shrinkage", "lbhinge", "ghm-r"),
    *("bce", "focal", "quality-focal", "shrinkage-bce", "ghm-c"),
)
REPEATS, BURST, SECONDS = 100, 10, 6.0

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's ``mallopt``, from malloc.h."""

Step = Callable[[], None]


def measure() -> str:
    """Measure the median microseconds of every loss at three shapes, eager and compiled; return a markdown page."""
    kept = _keep_freed_memory()
    lines = [
        f"Forward plus backward, float32, median of at least {REPEATS} runs in bursts of {BURST}, "
        "in which all losses of a shape take turns; microseconds, in brackets the ratio to `F.mse_loss` (eager). "
        "Compiled: `torch.compile(loss.forward)`. "
        f"Freed memory is {'kept by the process' if kept else 'the allocator to keep or to give back'}. "
        "GPU: not measured.",
        "",
        f"Machine: {processor()}, {torch.get_num_threads()} thread(s) of torch {torch.__version__}, "
        f"Python {platform.python_version()}; {time.strftime('%Y-%m-%d')}.",
        "",
    ]
    for mode in ("eager", "compiled"):
        columns = [_column(shape, compiled=mode == "compiled") for shape in SHAPES]
        rows = [
            [name, *(f"{column[name]:.0f} ({column[name] / column['mse_loss']:.1f})" for column in columns)]
            for name in columns[0]
        ]
        lines.append(markdown_table([mode, *map(str, SHAPES)], rows))
    return "\n".join(lines)


def _keep_freed_memory() -> bool:
    """Have glibc keep freed memory, as other allocators do; return whether that was possible.

    Otherwise glibc may return each freed map to the system, and the page faults of the next map are timed:
    ``mse_loss`` of 2 MB takes .4 or 1.5 ms, depending on what the process did before.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_TRIM_THRESHOLD, 2**30) and mallopt(M_MMAP_THRESHOLD, 2**25))


def _column(shape: tuple[int, ...], *, compiled: bool) -> dict[str, float]:
    generator = torch.Generator().manual_seed(0)
    prediction = torch.randn(shape, generator=generator).requires_grad_()
    target = torch.rand(shape, generator=generator)
    steps = {"mse_loss": _step(F.mse_loss, prediction, target)}
    torch.compiler.reset()
    for name in NAMES:
        loss = build_loss(name)
        steps[name] = _step(torch.compile(loss.forward) if compiled else loss, prediction, target)
    # The losses share one `forward`: beyond the limit torch would silently run the later ones uncompiled.
    with torch._dynamo.config.patch(recompile_limit=len(NAMES)):
        return _medians(steps)


def _step(loss: Callable[[Tensor, Tensor], Tensor], prediction: Tensor, target: Tensor) -> Step:
    def step() -> None:
        prediction.grad = None
        loss(prediction, target).backward()

    return step


def _medians(steps: dict[str, Step]) -> dict[str, float]:
    """Measure the microseconds of each step.

    The steps take turns, so that a busy machine slows all of them alike. Each turn is ``BURST`` runs, so that the
    median run finds its data in the caches, as ``mse_loss`` alone would.
    """
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        for _ in range(3):
            step()
    end = time.perf_counter() + SECONDS
    while len(times["mse_loss"]) < REPEATS or time.perf_counter() < end:
        for name, step in steps.items():
            for _ in range(BURST):
                started = time.perf_counter()
                step()
                times[name].append(1e6 * (time.perf_counter() - started))
    return {name: statistics.median(values) for name, values in times.items()}
