"""Workers leave Ctrl-C to their parent, and none outlives it, however it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.runtime.workers import begin_worker, worker_pool

ROOT = Path(__file__).resolve().parents[3]
PARENT = """
import multiprocessing, signal, time
from experiments.runtime.interrupt import Interrupt
from experiments.runtime.workers import worker_pool
if __name__ == "__main__":
    with Interrupt(at_once=True), worker_pool(2) as pool:
        futures = [pool.submit(time.sleep, seconds) for seconds in (0, 0, 600, 600)]
        for future in futures[:2]:
            future.result()
        print(*(process.pid for process in multiprocessing.active_children()), flush=True)
        futures[2].result()
"""


def is_there(process):
    """Whether a process runs; one that has ended and that nobody waited for does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_its_parent(tmp_path, number):
    (tmp_path / "parent.py").write_text(PARENT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(tmp_path / "parent.py")]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        workers = parent.stdout.readline().split()
        assert len(workers) == 2
        parent.send_signal(number)
        parent.wait(timeout=60)
    ends = time.monotonic() + 30
    while any(map(is_there, workers)) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not any(map(is_there, workers))


def test_a_pool_gives_what_its_function_gives():
    with worker_pool(2) as pool:
        assert list(pool.map(abs, [-1, 2, -3])) == [1, 2, 3]


def test_a_worker_leaves_ctrl_c_to_the_process_that_hands_out_the_work():
    before = signal.getsignal(signal.SIGINT)
    try:
        begin_worker()
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
