"""Encoded images behind URLs: failures of a network and of a protocol."""

import re

import fsspec
import pytest

from data.pairs.blobs import Blob, read_blobs
from data.pairs.shards import ShardClips


def test_a_network_may_stumble(monkeypatch):
    from fsspec.implementations.memory import MemoryFileSystem

    fsspec.filesystem("memory").pipe("/stumble/file", b"0123456789")
    tries, read = [], MemoryFileSystem.cat_file

    def stumbling(self, path, *arguments, **settings):
        tries.append(path)
        if len(tries) < 3:
            raise TimeoutError("slow")
        return read(self, path, *arguments, **settings)

    monkeypatch.setattr(MemoryFileSystem, "cat_file", stumbling)
    assert read_blobs([Blob("memory://stumble/file", 2, 5)]) == [b"234"]
    tries[:] = []
    monkeypatch.setattr(
        MemoryFileSystem, "cat_file", lambda *_, **__: (_ for _ in ()).throw(TimeoutError("slow"))
    )
    (error,) = read_blobs([Blob("memory://stumble/file", 2, 5)])
    assert re.search("cannot read memory://stumble/file.*slow", str(error))


def test_a_protocol_that_nobody_speaks(monkeypatch):
    with pytest.raises(ValueError, match="Protocol not known: smoke"):
        ShardClips.open("smoke://signals/manifest.json")

    def fail(url):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", fail)
    with pytest.raises(RuntimeError, match=r"cannot read s3://bucket/manifest\.json: Install s3fs"):
        ShardClips.open("s3://bucket/manifest.json")
