"""Encoded images in files or byte ranges of files, on disk or behind a URL."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

_ATTEMPTS = 3  # at reading over a network


class Blob(NamedTuple):
    """A whole file, or a file's bytes from ``start`` up to ``stop``.

    Attributes:
        url: A path, or a URL of any kind that fsspec reads (``https://…``, ``s3://…``).
        start: First byte.
        stop: Byte after the last; None for the end of the file.
        sha256: Of these bytes, 32 bytes; empty where nobody knows it.
    """

    url: str
    start: int = 0
    stop: int | None = None
    sha256: bytes = b""


def is_remote(url: str | Path) -> bool:
    """Tell a URL (``https://…``, ``s3://…``) from a path of this machine."""
    return "://" in str(url)


def read_blobs(blobs: Sequence[Blob]) -> list[bytes | Exception]:
    """Read many blobs, those behind URLs all at once; for a blob that cannot be read, return the error.

    Raises:
        ValueError: fsspec does not know a URL's protocol.
        RuntimeError: The package for the protocol is not installed; the message names it.
    """
    found: list[bytes | Exception] = [b""] * len(blobs)
    remote = []
    for index, blob in enumerate(blobs):
        if is_remote(blob.url):
            remote.append(index)
        else:
            found[index] = _read_local(blob)
    for index, content in zip(remote, _read_remote([blobs[i] for i in remote]), strict=True):
        found[index] = content
    return found


def _read_local(blob: Blob) -> bytes | Exception:
    try:
        with Path(blob.url).open("rb") as file:
            file.seek(blob.start)
            content = file.read(-1 if blob.stop is None else blob.stop - blob.start)
    except OSError as error:
        return error
    return _checked(content, blob)


def _read_remote(blobs: Sequence[Blob]) -> list[bytes | Exception]:
    """Read blobs, those of one file system together, and try failed reads again."""
    found: list[bytes | Exception] = [OSError("not read")] * len(blobs)
    places = [_open(blob.url) for blob in blobs]
    for _ in range(_ATTEMPTS):
        missing: dict[Any, list[int]] = {}
        for index, content in enumerate(found):
            if isinstance(content, Exception):
                missing.setdefault(places[index][0], []).append(index)
        for filesystem, indices in missing.items():
            paths = [places[index][1] for index in indices]
            starts, stops = zip(*((blobs[index].start, blobs[index].stop) for index in indices), strict=True)
            contents = filesystem.cat_ranges(paths, list(starts), list(stops), on_error="return")
            for index, content in zip(indices, contents, strict=True):
                found[index] = _checked(content, blobs[index])
    return found


def _open(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, the same object for all its URLs, and the path in it."""
    from fsspec.core import url_to_fs

    try:
        return url_to_fs(url)
    except ImportError as error:
        raise RuntimeError(f"cannot read {url}: {error}") from error


def _checked(content: bytes | Exception, blob: Blob) -> bytes | Exception:
    """Return the content, or an error that names the blob if the content is an error or too short."""
    if isinstance(content, Exception):  # an HTTP error's text hides its status behind a URL
        status, message = getattr(content, "status", None), getattr(content, "message", "")
        reason = f"{status} {message}" if status else f"{type(content).__name__}: {content}"
        return OSError(f"cannot read {blob.url}: {reason}")
    if blob.stop is not None and len(content) != blob.stop - blob.start:
        return OSError(
            f"{blob.url} gave {len(content)} bytes from {blob.start} on, expected {blob.stop - blob.start}: "
            "the file is shorter than its index says, or the server ignores the Range header"
        )
    if blob.sha256 and hashlib.sha256(content).digest() != blob.sha256:
        return OSError(
            f"{blob.url} holds other bytes from {blob.start} on than were written there (SHA-256): copy it again"
        )
    return content
