"""Uploaded videos: their size, and their format by the first bytes."""

from collections.abc import AsyncIterator
from pathlib import Path

from data.files import naming_the_file

HEAD = 16
"""Number of first bytes that tell a file's format."""


class RefusedUpload(Exception):
    """An upload that is too large, or no video.

    Attributes:
        status: The HTTP status of the answer.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def video_suffix(head: bytes) -> str | None:
    r"""The suffix of a video by its first bytes; None for other files, such as play lists, which name other files.

    >>> video_suffix(b"RIFF\x00\x00\x00\x00AVI LIST")
    '.avi'
    """
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return ".mp4"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return ".avi"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return ".webm"
    if head[:4] in (b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3"):
        return ".mpg"
    return ".gif" if head[:4] == b"GIF8" else None


async def receive(chunks: AsyncIterator[bytes], stem: Path, limit: int) -> Path:
    """Write an upload to ``stem`` with the suffix of its format.

    Args:
        chunks: The upload's bytes.
        stem: Path without suffix.
        limit: Largest size in bytes.

    Returns:
        The file.

    Raises:
        RefusedUpload: The upload is larger than ``limit``, empty or no video; no file is left.
        OSError: The disk is full; no file is left.
    """
    temporary, size, head = stem.with_suffix(".part"), 0, b""
    try:
        with naming_the_file(temporary), temporary.open("wb") as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise RefusedUpload(413, f"the video is larger than the {limit >> 20} MB allowed here")
                if len(head) < HEAD:
                    head += chunk[: HEAD - len(head)]
                    if len(head) >= HEAD and video_suffix(head) is None:
                        break
                file.write(chunk)
        suffix = video_suffix(head)
        if suffix is None:
            what = "empty" if not size else "no video (MP4, MOV, AVI, MKV, WebM, MPEG or GIF)"
            raise RefusedUpload(415, f"the file is {what}")
        return temporary.rename(stem.with_suffix(suffix))
    finally:
        temporary.unlink(missing_ok=True)
