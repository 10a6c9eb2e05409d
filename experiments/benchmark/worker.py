"""A separate process that runs trackers, so that a tracker that hangs or crashes harms nothing else."""

import multiprocessing
import signal
import time
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from typing import Any

from experiments.benchmark.jobs import Job, Outcome
from experiments.runtime.workers import begin_worker

POLL_SECONDS = 0.1
"""Interval of the checks for progress and time-outs."""

_HAS_FORK_SERVER = "forkserver" in multiprocessing.get_all_start_methods()  # not on Windows


def warm_up() -> None:
    """Start the workers' imports while this process does its own."""
    if _HAS_FORK_SERVER:
        multiprocessing.set_forkserver_preload(["experiments.benchmark.worker_process"])
        forkserver.ensure_running()


class Worker:
    """One process with one thread for tracking; it starts with its first job, and again after a crash.

    Args:
        timeout: Seconds after which a frame without an answer counts as hanging; None for no limit. The time to build
            the tracker, which may load weights, is not limited.
    """

    def __init__(self, timeout: float | None = None) -> None:
        warm_up()
        # A fork of this process would share its threads and its GPU; a fork server has neither.
        self._context: Any = multiprocessing.get_context("forkserver" if _HAS_FORK_SERVER else "spawn")
        self._timeout = timeout
        self._process: Any = None
        self.job: Job | None = None
        self.frames_done = 0

    @property
    def connection(self) -> Connection:
        """The connection to wait for during a job; it is readable when there is something to `collect`."""
        return self._connection

    def start(self, job: Job) -> None:
        """Start a job; the worker must be idle."""
        assert self.job is None
        if self._process is not None and not self._process.is_alive():  # the system may have killed it
            self.close()
        if self._process is None:
            self._connection, theirs = self._context.Pipe()
            self._frames = self._context.RawValue("q", 0)  # frames answered; -1 while the tracker is built
            self._process = self._context.Process(target=_serve, args=(theirs, self._frames), daemon=True)
            self._process.start()
            theirs.close()
        self.job, self.frames_done, self._frames.value = job, 0, -1
        self._last_change = time.monotonic()
        self._connection.send(job)

    def collect(self) -> Outcome | None:
        """The job's outcome if it has ended, by a result, a crash or a time-out; else None."""
        job = self.job
        assert job is not None
        if self._connection.poll():
            return self._finish(job)
        frames = self._frames.value
        if frames < 0 or frames != self.frames_done:
            self.frames_done, self._last_change = max(frames, 0), time.monotonic()
        elif self._timeout is not None and time.monotonic() - self._last_change > self._timeout:
            outcome = Outcome.failed(job, f"no answer within {self._timeout:g} s in frame {frames}")
            self.close()
            return outcome
        return None

    def _finish(self, job: Job) -> Outcome:
        try:
            outcome = self._connection.recv()
            self.job = None
        except (EOFError, ConnectionError):
            self._process.join()
            code = self._process.exitcode
            reason = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
            outcome = Outcome.failed(
                job, f"the process crashed ({reason}) in frame {max(self._frames.value, 0)}"
            )
            self.close()
        return outcome

    def run(self, job: Job) -> Outcome:
        """Do a job and wait for its outcome."""
        self.start(job)
        while (outcome := self.collect()) is None:
            wait([self._connection], POLL_SECONDS)
        return outcome

    def close(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
        self._process = self.job = None


def _serve(connection: Connection, frames: Any) -> None:
    begin_worker()
    from experiments.benchmark.worker_process import serve  # heavy: in the worker only

    serve(connection, frames)
