"""Files that are either complete or not there, and many of them read together."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_TOGETHER = 20  # files: with more, one that is unlike the others slows more of them down


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Hand out a temporary path beside ``path`` and move what was written there into place at the end.

    When the block raises, the temporary file is removed; when it wrote none, nothing happens.

    Raises:
        FileNotFoundError: The folder of ``path`` does not exist.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: folder {path.parent} does not exist, create it first")
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        if temporary.exists():
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_together(
    read: Callable[[Sequence[Path]], Sequence[T]], paths: Sequence[Path]
) -> list[T | OSError | ValueError]:
    """Read many files some at a time, which is quicker; where that fails, one by one.

    Args:
        read: reads some files or raises one of these errors.
        paths: the files.

    Returns:
        What each file holds, or the error that reading it alone gives.
    """
    found: list[T | OSError | ValueError] = []
    for first in range(0, len(paths), _TOGETHER):
        some = paths[first : first + _TOGETHER]
        try:
            found += read(some)
        except (OSError, ValueError):
            found += [_read_alone(read, path) for path in some]
    return found


def _read_alone(read: Callable[[Sequence[Path]], Sequence[T]], path: Path) -> T | OSError | ValueError:
    try:
        return read([path])[0]
    except (OSError, ValueError) as error:
        return error
