"""One writer for each folder of results."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def holding(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder for this process, so that no other run writes into it meanwhile.

    The system gives the lock back when the process ends, however it ends: none is ever left behind.

    Args:
        folder: to hold; it need not exist yet.
        what: who else might write into it, for the message: ``another benchmark``.

    Raises:
        RuntimeError: another process holds it.
    """
    from filelock import FileLock, Timeout

    place = folder.resolve()  # a folder has one lock, whatever it is called
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(place.with_name(f".{place.name}.lock"), timeout=0).acquire()
    except Timeout:
        raise RuntimeError(
            f"{what} is writing into {folder}: wait for it, or give another --output"
        ) from None
    with lock:
        yield
