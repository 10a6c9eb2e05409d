"""Commands killed outright at their n-th change of a file, in whatever they are doing: run again, they end as ever.

Each is forked from this process, so that dozens of kills take seconds; what tracks or fits in processes of its own is
done in the forked one instead. `make fuzz` kills at every change of a file, the suite at a few of them.
"""

import mmap
import os
import shutil
import signal
import sys

import cv2
import numpy as np
import pytest

import experiments.compare.command
import experiments.compare.page
from data.video.writer import VideoWriter
from experiments.__main__ import main
from experiments.benchmark.worker_process import _run
from experiments.compare.run import Done
from tests.material.trees import make_otb

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link"}
IN_FULL = "FUZZ_INPUTS" in os.environ
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
    pytest.mark.filterwarnings("ignore:.*fork"),
]


def run_and_kill(arguments, folder, at=0):
    """Run a command in a forked process that is killed at its change number ``at`` below a folder; 0 for never.

    Returns:
        Its exit status, None if it was killed, and how many changes it began.
    """
    changes = mmap.mmap(-1, 4)
    child = os.fork()
    if not child:
        number = 0

        def count(event, given):
            nonlocal number
            is_write = event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)
            if (event in CHANGES or is_write) and str(folder) in str(given[0]):
                number += 1
                changes[:] = number.to_bytes(4, "big")
                if number == at:
                    os.kill(os.getpid(), signal.SIGKILL)

        status = 99
        try:
            sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115  (both end with the process)
            sys.addaudithook(count)
            status = main(arguments)
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    status = None if os.WIFSIGNALED(ended) else os.waitstatus_to_exitcode(ended)
    return status, int.from_bytes(changes[:], "big")


def content(folder):
    """Bytes of what lies below a folder but for records with times in them and locks; nothing half-written is there."""
    files = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    assert not [name for name in files if "partial" in str(name)]
    timed = ("run.json", "track.csv")
    return {
        name: path.read_bytes()
        for name, path in files.items()
        if name.name not in timed and not name.name.endswith(("_time.txt", ".lock"))
    }


def assert_kills_do_not_matter(arguments, folder):
    """Killed anywhere, the command ends with the files of one that was left alone."""
    status, total = run_and_kill(arguments, folder)
    assert status == 0
    expected, count = content(folder), total if IN_FULL else 4
    assert expected
    for at in np.random.default_rng(total).permutation(np.arange(1, total + 1))[:count].tolist():
        shutil.rmtree(folder, ignore_errors=True)
        assert run_and_kill(arguments, folder, at)[0] is None
        assert run_and_kill(arguments, folder)[0] == 0, f"after a kill at change {at} of {total}"
        assert content(folder) == expected, f"after a kill at change {at} of {total}"


@pytest.fixture(autouse=True)
def one_thread():
    """A forked process has the locks of OpenCV's threads, but not the threads."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(before)


@pytest.fixture
def in_this_process(monkeypatch):
    """The benchmark's engine without processes; compare's, whose units give what their names say."""

    class Nobody:
        def poll(self):
            return False

    class Frames:
        value = 0

    def track(workers, timeout):
        return lambda jobs, advance: (_run(job, {}, Nobody(), Frames()) for job in jobs)

    def fit(workers):
        return lambda units, settings: (
            Done(unit, {"score": -abs(unit.factor - 1), "rate": unit.factor}) for unit in units
        )

    monkeypatch.setattr("experiments.benchmark.engines.local_engine", track)
    monkeypatch.setattr("experiments.compare.run.local_engine", fit)
    monkeypatch.setattr("experiments.benchmark.worker.warm_up", lambda: None)
    monkeypatch.setattr("experiments.compare.run.versions", dict)  # the commit may change meanwhile
    monkeypatch.setattr(
        experiments.compare.page, "write_comparison", lambda folder, *_: folder / "index.html"
    )


def test_track(tmp_path):
    with VideoWriter(tmp_path / "x.avi") as writer:
        for index in range(4):
            writer.write(np.full((48, 64, 3), 40 * index, np.uint8))
    out = tmp_path / "out"
    arguments = ["track", str(tmp_path / "x.avi"), "--init-bbox", "9,9,20,16", "--tracker", "gray"]
    arguments += ["--output", str(out), "--save-video", "--format", "coco", "--overwrite"]
    assert_kills_do_not_matter(arguments, out)


def test_benchmark(tmp_path, in_this_process):
    for name in ("A", "B", "C"):
        make_otb(tmp_path / "data", name, frames=4)
    out = tmp_path / "out"
    arguments = ["benchmark", "--dataset", "folder", "--root", str(tmp_path / "data"), "--output", str(out)]
    assert_kills_do_not_matter([*arguments, "--trackers", "gray,identity"], out)


def test_prepare(tmp_path):
    for name in ("A", "B", "C"):
        make_otb(tmp_path / "data", name, frames=4)
    out = tmp_path / "out"
    arguments = ["prepare", "--dataset", "folder", "--root", str(tmp_path / "data"), "--output", str(out)]
    assert_kills_do_not_matter([*arguments, "--clips-per-shard", "1"], out)


def test_compare(tmp_path, in_this_process, monkeypatch):
    monkeypatch.setattr("experiments.compare.clips.SYNTHETIC_CLIPS", 2)
    monkeypatch.setattr("experiments.compare.clips.SYNTHETIC_FRAMES", 2)
    out = tmp_path / "out"
    arguments = [
        "compare",
        "--losses",
        "l2",
        "l3",
        "--seeds",
        "1",
        "--stages",
        "online",
        "--output",
        str(out),
    ]
    assert_kills_do_not_matter(arguments, out)
