"""Writing files completely or not at all, and reading text files safely."""

import errno
import hashlib
import json
import math
import os
import re
import shutil
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

MAX_TEXT_BYTES = 64 * 2**20
"""Size of the largest text file that is read; the boxes of a million frames have half of it."""

MAX_NAME_BYTES = 240
"""Of a name that becomes a file's: systems allow 255, and ``_time.txt`` and the like are put behind it."""

_WRITE_FAULTS = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO}
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def printable(text: str) -> str:
    r"""The text as a terminal may show it: what would command it, and what is no Unicode, is escaped.

    >>> printable("\x1b[31mred\udcff")
    '\\x1b[31mred\\udcff'
    """
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def some(names: Collection[str], most: int = 3) -> str:
    """Join the first names, with a sign if there are more."""
    return ", ".join([*names][:most]) + (", …" if len(names) > most else "")


def check_name(name: str, what: str, *, folders: bool = False) -> None:
    """Check a name that was read from a file or a folder before it becomes a part of a path.

    Args:
        name: The name.
        what: What it is the name of, for the message.
        folders: It may be a path, of names with ``/`` between them, which leads down only.

    Raises:
        ValueError: It is no name (empty, ``..``, with a slash), cannot be shown, or is longer than `MAX_NAME_BYTES`.
    """
    for part in name.split("/") if folders else [name]:
        if part in ("", ".", "..") or set(part) & set("/\\") or not part.isprintable():
            expected = "a path that leads down from the folder it is in" if folders else "no path"
            raise ValueError(
                f"name of {what} must be printable and {expected}, got '{printable(name)[:200]}'"
            )
        if len(part.encode()) > MAX_NAME_BYTES:
            raise ValueError(f"name of {what} must have at most {MAX_NAME_BYTES} bytes, got {part[:40]}…")


@contextmanager
def replacing(path: str | Path, *, flush: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` and move the file written there to ``path`` at the end.

    If the block raises, the temporary file is removed; if it wrote no file, nothing happens. The file is flushed
    to disk before the move, so that neither a full disk nor a power cut leaves half a file at ``path``.

    Args:
        path: The file.
        flush: False where there are thousands that can be made again: then a power cut may leave half of one.

    Raises:
        FileNotFoundError: The folder of ``path`` does not exist.
        OSError: The disk is full, a limit is reached, or the like; the message names ``path``.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: folder {path.parent} does not exist, create it first")
    temporary = partial_path(path)
    try:
        with naming_the_file(path):
            yield temporary
            if temporary.exists():
                if flush:
                    flush_to_disk(temporary)
                temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_left_overs(folder: Path, pattern: str = "**/.*.partial*") -> None:
    """Remove what processes that were killed left half-written in a folder and below it, see `partial_path`."""
    for path in list(folder.glob(pattern)):
        number = re.fullmatch(r"\..*\.(\d+)\.partial(\..*)?", path.name)
        if number is None or _is_at_work(int(number[1])):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _is_at_work(process: int) -> bool:
    """Tell whether another process of this machine has a number; where nobody can say, none has."""
    if process == os.getpid() or os.name != "posix":
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def partial_path(path: Path) -> Path:
    """Where this process writes what is to become ``path``."""
    # A name may have 255 bytes: of one that is nearly as long a checksum has to do.
    stem = path.stem if len(os.fsencode(path.name)) < 200 else f"{zlib.crc32(os.fsencode(path.name)):08x}"
    return path.with_name(f".{stem}.{os.getpid()}.partial{path.suffix[:20]}")


@contextmanager
def naming_the_file(path: Path) -> Iterator[Path]:
    """Add ``path`` to the error of a failed write, because the system's message leaves it out; yield it."""
    try:
        yield path
    except OSError as error:
        if error.errno in _WRITE_FAULTS and error.filename is None:
            raise OSError(error.errno, f"cannot write {path}: {os.strerror(error.errno or 0)}") from error
        raise


def flush_to_disk(path: Path) -> None:
    """Wait until a file's content is on the disk; raises ``OSError`` if the disk refuses."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Compute the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write ``content`` to ``path``, complete or not at all; NaN and ∞, which JSON does not have, become null."""
    write_text(path, json.dumps(_finite(content), indent=2, allow_nan=False) + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` in UTF-8, complete or not at all; see `replacing`."""
    write_bytes(path, text.encode())


def write_bytes(path: str | Path, content: bytes | memoryview) -> None:
    """Write ``content`` to ``path``, complete or not at all; see `replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_json(path: Path, kind: str = "JSON file", largest: int | None = None) -> dict[str, Any]:
    """Read a JSON file that holds an object; arguments and errors are those of `read_text`.

    Raises:
        ValueError: It is no JSON, or holds something else.
    """
    try:
        content = json.loads(read_text(path, kind, largest))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{kind} {path} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{kind} {path} must hold an object, got {type(content).__name__}")
    return content


def read_text(path: str | Path, kind: str = "text file", largest: int | None = None) -> str:
    """Read a text file in UTF-8, or in UTF-16 with a byte order mark, with any line ends.

    Args:
        path: The file.
        kind: Name of this kind of file for messages.
        largest: Largest size in bytes; None for `MAX_TEXT_BYTES`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no text, or too large.
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
