"""Files in and out: complete or not there, whatever fails; texts in the encodings that people have."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from data import files
from data.datasets.box_files import read_bboxes
from data.files import read_text, replacing, write_json

ROOT = Path(__file__).resolve().parents[2]


def test_a_write_beyond_the_limit_is_one_error_that_names_the_file(tmp_path):
    """In a process of its own, whose files may have 64 KiB at most."""
    (tmp_path / "x.txt").write_text("old")
    code = (
        "import resource, sys\n"
        "from data.files import replacing\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "try:\n"
        "    with replacing(sys.argv[1]) as path: path.write_text('x' * 100000)\n"
        "except OSError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x.txt")], cwd=ROOT, capture_output=True, text=True
    )
    assert f"cannot write {tmp_path / 'x.txt'}: File too large" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]
    assert (tmp_path / "x.txt").read_text() == "old"


def test_what_is_moved_is_on_the_disk_before(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: order.append("fsync"))
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda *paths: (order.append("replace"), replace(*paths)))
    with replacing(tmp_path / "x") as path:
        path.write_text("x")
    assert order == ["fsync", "replace"]


@pytest.mark.parametrize("name", ["x" * 251 + ".txt", "λ" * 120 + ".txt", "x." + "y" * 250])
def test_the_longest_name_that_a_file_may_have(tmp_path, name):
    with replacing(tmp_path / name) as path:
        path.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_json_has_no_nan(tmp_path):
    write_json(tmp_path / "x.json", {"a": float("nan"), "b": [1, float("inf"), (True, None)], "c": 0.5})
    text = (tmp_path / "x.json").read_text()
    content = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert content == {"a": None, "b": [1, None, [True, None]], "c": 0.5}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_boxes_in_the_encodings_that_editors_and_shells_write(tmp_path, encoding):
    text = "11,21,30,40\r\n12,22,30,40\r\n"
    mark = b"\xff\xfe" if encoding == "utf-16-le" else b""
    (tmp_path / "x.txt").write_bytes(mark + text.encode(encoding))
    assert read_bboxes(tmp_path / "x.txt").tolist() == [[10, 20, 30, 40], [11, 21, 30, 40]]


@pytest.mark.parametrize("data", [b"\xff\xfea", b"\x00\x01\x02", b"caf\xe9", b"1,2\x00,3,4"])
def test_what_is_no_text_is_said_with_its_name(tmp_path, data):
    (tmp_path / "x.txt").write_bytes(data)
    with pytest.raises(ValueError, match=r"list .*x\.txt is not a text file"):
        read_text(tmp_path / "x.txt", "list")


def test_a_text_beyond_the_limit_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_TEXT_BYTES", 2**20)
    (tmp_path / "x.txt").write_bytes(b"1" * (2**20 + 1))
    with pytest.raises(ValueError, match="at most 1048576 bytes, got 1048577"):
        read_text(tmp_path / "x.txt")
    with pytest.raises(FileNotFoundError, match="device"):
        read_text("/dev/zero", "device")
