"""Folders of results, each with one writer."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Make a folder for results, and those above it, unless it is there.

    Raises:
        OSError: It cannot be made, for instance because a file has its name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"cannot write into {folder}: {error.strerror}; give another --output") from error


@contextmanager
def holding(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder for this process, so that no other run writes into it meanwhile.

    The system gives the lock back when the process ends, however it ends; the file of it, hidden beside the folder,
    is left behind by a process that is killed alone.

    Args:
        folder: to hold; it need not exist yet.
        what: who else might write into it, for the message: ``another benchmark``.

    Raises:
        RuntimeError: another process holds it.
        OSError: the folder above it cannot be made.
    """
    from filelock import FileLock, Timeout

    place = folder.resolve()  # a folder has one lock, whatever it is called
    make_folder(place.parent)
    file = place.with_name(f".{place.name}.lock")
    try:
        lock = FileLock(file, timeout=0).acquire()
    except Timeout:
        raise RuntimeError(
            f"{what} is writing into {folder}: wait for it, or give another --output"
        ) from None
    with lock:
        try:
            yield
        finally:
            with suppress(OSError):  # Windows removes it with the lock
                file.unlink()  # while it is held: who takes the lock of a file that is gone begins again
