"""Files that are either complete or not there, and texts that are read with care."""

import errno
import hashlib
import json
import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

MAX_TEXT_BYTES = 64 * 2**20
"""Size of the largest text file that is read: boxes of a million frames have half of it."""

_WRITE_FAULTS = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO}
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Hand out a temporary path beside ``path`` and move what was written there into place at the end.

    When the block raises, the temporary file is removed; when it wrote none, nothing happens. What is moved is on
    the disk before, so that neither a full disk nor a power cut leaves half a file under the final name.

    Raises:
        FileNotFoundError: The folder of ``path`` does not exist.
        OSError: The disk is full, a limit is reached, or the like; the message names ``path``.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: folder {path.parent} does not exist, create it first")
    # A name may have 255 bytes: of one that is nearly as long a checksum has to do.
    stem = path.stem if len(os.fsencode(path.name)) < 200 else f"{zlib.crc32(os.fsencode(path.name)):08x}"
    temporary = path.with_name(f".{stem}.{os.getpid()}.partial{path.suffix[:20]}")
    try:
        with naming_the_file(path):
            yield temporary
            if temporary.exists():
                flush_to_disk(temporary)
                temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def naming_the_file(path: Path) -> Iterator[None]:
    """Name ``path`` in the error of a write that fails, which the system leaves out."""
    try:
        yield
    except OSError as error:
        if error.errno in _WRITE_FAULTS and error.filename is None:
            raise OSError(error.errno, f"cannot write {path}: {os.strerror(error.errno or 0)}") from error
        raise


def flush_to_disk(path: Path) -> None:
    """Wait until what was written to a file is on the disk; raises ``OSError`` where it cannot be."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write ``content`` to ``path``, complete or not at all; numbers that JSON has not (NaN, ∞) become null."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(_finite(content), indent=2, allow_nan=False) + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` in UTF-8, complete or not at all; see `replacing`."""
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8", newline="\n")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_text(path: str | Path, kind: str = "text file", largest: int | None = None) -> str:
    """Read a text file in UTF-8, or in UTF-16 that says so, with any ends of lines.

    Args:
        path: The file.
        kind: What it is, for the message.
        largest: Most bytes that it may have; None for `MAX_TEXT_BYTES`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no text, or too large.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{kind} does not exist: {path}")
    largest = MAX_TEXT_BYTES if largest is None else largest
    if (size := path.stat().st_size) > largest:
        raise ValueError(f"{kind} {path} must have at most {largest} bytes, got {size}")
    with path.open("rb") as file:
        encoding = _BYTE_ORDER_MARKS.get(file.read(2), "utf-8-sig")
    try:
        text = path.read_text(encoding)
    except UnicodeError:
        raise ValueError(f"{kind} {path} is not a text file") from None
    if "\0" in text:
        raise ValueError(f"{kind} {path} is not a text file")
    return text
