"""Worker processes that end with the process that started them, however it ends."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

MOST_WORKERS = 1024
"""Most processes that a command starts: more are a mistake that fills a memory."""


def check_workers(count: int) -> None:
    """Raise ``ValueError`` unless so many processes can be meant."""
    if not 1 <= count <= MOST_WORKERS:
        raise ValueError(f"--workers must be 1 to {MOST_WORKERS}, got {count}")


def begin_worker() -> None:
    """Make this process a worker: Ctrl-C is for its parent, and it ends when its parent is gone.

    A pool's workers would wait for ever for a parent that was killed, each with its hundreds of megabytes.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of processes, each with one thread; when the block raises, what they are doing is not waited for."""
    methods = multiprocessing.get_all_start_methods()
    # A fork of this process would share its threads' locks and its GPU.
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, context, initializer=_begin_thread)
    try:
        yield pool
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_thread() -> None:
    import cv2

    begin_worker()
    cv2.setNumThreads(1)
