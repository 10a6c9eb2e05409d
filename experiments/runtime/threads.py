"""CPU threads: the one place that decides how many a command computes with."""

import os
import sys

_LIBRARIES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def limit_threads(count: int) -> None:
    """Have this process, and those that it starts, compute with ``count`` threads.

    Without a limit each library takes a thread a core, and in each operation on a small map they wait for the one
    that has no core: minutes become hours on a busy machine.

    Raises:
        ValueError: less than 1, or more than this machine has cores.
    """
    cores = os.cpu_count() or 1
    if not 1 <= count <= max(cores, 2):
        raise ValueError(
            f"--threads must be 1 to {max(cores, 2)}, as many as this machine has cores, got {count}"
        )
    # Read by libraries that are not loaded yet: commands load torch when they run, so that --help answers at once.
    os.environ.update(dict.fromkeys(_LIBRARIES, str(count)))
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(count)
