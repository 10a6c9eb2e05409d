import asyncio

import pytest

from experiments.serve.uploads import RefusedUpload, receive, video_suffix
from tests.material.serving import write_moving


async def chunks(*parts):
    for part in parts:
        yield part


def take(stem, *parts, limit=1000):
    return asyncio.run(receive(chunks(*parts), stem, limit))


def test_a_video_is_stored_with_the_suffix_of_what_it_is(tmp_path):
    content = write_moving(tmp_path / "a.webm").read_bytes()
    stored = take(tmp_path / "upload", content[:3], content[3:9], content[9:], limit=1 << 20)
    assert stored.name == "upload.webm"
    assert stored.read_bytes() == content


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ((), 415),
        ((b"",), 415),
        ((b"#EXTM3U\n", b"file:///etc/passwd" * 9), 415),
        ((b"\xff\xd8\xff\xe0" + b"x" * 40,), 415),
        ((b"\x1a\x45\xdf\xa3", b"x" * 999), 413),
    ],
)
def test_what_is_refused_leaves_no_file(tmp_path, parts, status):
    with pytest.raises(RefusedUpload) as refused:
        take(tmp_path / "upload", *parts)
    assert refused.value.status == status
    assert not list(tmp_path.iterdir())


def test_an_upload_that_breaks_off_leaves_no_file(tmp_path):
    async def broken():
        yield b"\x1a\x45\xdf\xa3" + b"x" * 20
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        asyncio.run(receive(broken(), tmp_path / "upload", 1000))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_said_and_leaves_no_file(tmp_path):
    resource = pytest.importorskip("resource", reason="this system has no limit of files' sizes")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError, match=r"cannot write .*upload\.part: File too large"):
            take(tmp_path / "upload", b"\x1a\x45\xdf\xa3" + b"x" * 200)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("head", "suffix"),
    [
        (b"\x00\x00\x00\x20ftypisom", ".mp4"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", ".avi"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", None),
        (b"GIF89a", ".gif"),
        (b"\x00\x00\x01\xba", ".mpg"),
        (b"<html>", None),
    ],
)
def test_videos_are_known_by_their_first_bytes(head, suffix):
    assert video_suffix(head) == suffix
