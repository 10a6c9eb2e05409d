"""Encoded images wherever they lie: files, or stretches of files, on disk or behind a URL."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_ATTEMPTS = 3  # a network is allowed to stumble twice


class Blob(NamedTuple):
    """A whole file, or bytes ``start`` up to ``stop`` of one.

    Attributes:
        url: A path, or a URL of any kind that fsspec reads (``https://…``, ``s3://…``).
        start: First byte.
        stop: Byte after the last; None for the end of the file.
    """

    url: str
    start: int = 0
    stop: int | None = None


def is_remote(url: str | Path) -> bool:
    """Tell a URL (``https://…``, ``s3://…``) from a path of this machine."""
    return "://" in str(url)


def read_blobs(blobs: Sequence[Blob]) -> list[bytes | Exception]:
    """Read many blobs, those behind URLs all at once; what cannot be read is returned as its error.

    Raises:
        ValueError: fsspec does not know a URL's protocol.
        RuntimeError: The package that speaks it is not installed; the message names it.
    """
    found: list[bytes | Exception] = [b""] * len(blobs)
    remote: dict[str, list[int]] = {}
    for index, blob in enumerate(blobs):
        if is_remote(blob.url):
            remote.setdefault(blob.url.partition("://")[0], []).append(index)
        else:
            found[index] = _read_local(blob)
    for indices in remote.values():
        for index, content in zip(indices, _read_remote([blobs[i] for i in indices]), strict=True):
            found[index] = content
    return found


def _read_local(blob: Blob) -> bytes | Exception:
    try:
        with Path(blob.url).open("rb", buffering=0) as file:
            file.seek(blob.start)
            content = file.read(-1 if blob.stop is None else blob.stop - blob.start)
    except OSError as error:
        return error
    return _checked(content, blob)


def _read_remote(blobs: Sequence[Blob]) -> list[bytes | Exception]:
    """Read blobs of one protocol together; those that failed are asked for again."""
    from fsspec.core import url_to_fs

    found: list[bytes | Exception] = [OSError("not read")] * len(blobs)
    for _ in range(_ATTEMPTS):
        missing = [index for index, content in enumerate(found) if isinstance(content, Exception)]
        if not missing:
            break
        wanted = [blobs[index] for index in missing]
        try:
            opened = [url_to_fs(blob.url) for blob in wanted]
        except ImportError as error:
            raise RuntimeError(f"cannot read {wanted[0].url}: {error}") from error
        contents = opened[0][0].cat_ranges(
            [path for _, path in opened],
            [blob.start for blob in wanted],
            [blob.stop for blob in wanted],
            on_error="return",
        )
        for index, content, blob in zip(missing, contents, wanted, strict=True):
            found[index] = _checked(content, blob) if isinstance(content, bytes) else _as_error(content, blob)
    return found


def _checked(content: bytes, blob: Blob) -> bytes | Exception:
    """The content, or the error that it is shorter than it should be."""
    if blob.stop is not None and len(content) != blob.stop - blob.start:
        return OSError(
            f"{blob.url} gave {len(content)} bytes from {blob.start} on, expected {blob.stop - blob.start}: "
            "the file is shorter than its index says, or the server ignores the Range header"
        )
    return content


def _as_error(error: object, blob: Blob) -> Exception:
    reason = f"{type(error).__name__}: {error}"
    with contextlib.suppress(AttributeError):
        reason = f"{error.status} {error.message}"  # type: ignore[attr-defined]
    return OSError(f"cannot read {blob.url}: {reason}")
