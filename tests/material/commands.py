"""Every command that writes, on material that takes it a fraction of a second, in a process that is forked from this.

Forked, dozens of runs take seconds, because nothing is imported again. What tracks or fits in processes of its own is
done in the forked one instead; see the fixture ``in_this_process`` of the robustness tests.
"""

import mmap
import os
import resource
import signal
import sys

import numpy as np
import pytest
from torch import Tensor

from data.datasets.box_files import write_bboxes
from data.video.writer import VideoWriter
from experiments.__main__ import main
from tests.material.tiny_training import checkpoint, metrics, options, write_clips
from tests.material.trees import make_otb

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link"}


def _data(place, names="ABC"):
    for name in names:
        make_otb(place / "data", name, frames=4)
    return ["--dataset", "folder", "--root", str(place / "data")]


def _track(place):
    with VideoWriter(place / "x.avi") as writer:
        for index in range(4):
            writer.write(np.full((48, 64, 3), 40 * index, np.uint8))
    arguments = ["track", str(place / "x.avi"), "--init-bbox", "9,9,20,16", "--tracker", "gray"]
    return [*arguments, "--save-video", "--format", "coco", "--overwrite"]


def _report(place):
    (place / "results" / "folder" / "ours").mkdir(parents=True)
    for name in "ABC":
        write_bboxes(
            place / "results" / "folder" / "ours" / f"{name}.txt", np.tile([10.0, 8, 20, 16], (4, 1))
        )
    return ["report", str(place / "results"), *_data(place)]


COMMANDS = {
    "track": _track,
    "benchmark": lambda place: ["benchmark", *_data(place), "--trackers", "gray,identity"],
    "prepare": lambda place: ["prepare", *_data(place), "--clips-per-shard", "1"],
    "compare": lambda place: ["compare", "--losses", "l2", "l3", "--seeds", "1", "--stages", "online"],
    "train": lambda place: options(write_clips(place / "clips"), "--resume"),
    "report": _report,
    "losses": lambda place: ["losses", "--curves", "l2"],
    "demo": lambda place: ["demo", "--no-train", "--length", "3"],
    "export": lambda place: ["export", "fast", "--overwrite"],
}
"""Name of a command -> function that writes its material into a folder and returns its arguments but ``--output``."""

GOES_ON = ("benchmark", "prepare", "compare", "train")
"""Commands that keep what is done; the others do everything again."""


def command_line(name, place):
    """Arguments of a command that writes below ``place``, and the folder that it writes into."""
    out = place / "out"
    if name == "export":
        pytest.importorskip("onnxruntime")
    return [*COMMANDS[name](place), "--output", str(out / "x.onnx" if name == "export" else out)], out


class Forked:
    """A command in a forked process that gets a signal when it begins its change number ``at`` below a folder.

    Args:
        arguments: of the command line.
        folder: whose changes count.
        at: number of the change; 0 for never.
        number: the signal.
        size: bytes that a file may have in that process; None for any.
    """

    def __init__(self, arguments, folder, at=0, number=signal.SIGKILL, size=None):
        self._changes = mmap.mmap(-1, 4)
        self._said, theirs = os.pipe()
        self.process = os.fork()
        if not self.process:
            self._run(arguments, str(folder), at, number, size, theirs)
        os.close(theirs)

    def _run(self, arguments, folder, at, number, size, said):
        count = 0

        def watch(event, given):
            nonlocal count
            is_write = event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)
            if (event in CHANGES or is_write) and folder in str(given[0]):
                count += 1
                self._changes[:] = count.to_bytes(4, "big")
                if count == at:
                    os.kill(os.getpid(), number)

        status = 99
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(said, 2)
            os.close(said)
            sys.stdout, sys.stderr = (open(file, "w", closefd=False) for file in (1, 2))  # noqa: SIM115
            sys.addaudithook(watch)
            if size is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            status = main(arguments)
            sys.stderr.flush()
        finally:
            os._exit(status)

    @property
    def changes(self):
        """How many changes it began."""
        return int.from_bytes(self._changes[:], "big")

    def wait(self):
        """Wait for its end; return its exit status, None if it was killed, and the lines it said on stderr."""
        with open(self._said, encoding="utf-8") as file:  # noqa: PTH123  (a pipe)
            lines = [
                line for line in file.read().splitlines() if line and "%|" not in line
            ]  # no progress bars
        _, ended = os.waitpid(self.process, 0)
        return None if os.WIFSIGNALED(ended) else os.waitstatus_to_exitcode(ended), lines


def content(folder):
    """What lies below a folder, by name, but for times and locks; nothing half-written is there."""
    files = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    assert not [name for name in files if "partial" in str(name)]
    timed = ("run.json", "track.csv", "report.html", "scores.json")
    return {
        str(name): _read(path)
        for name, path in files.items()
        if name.name not in timed and not name.name.endswith("_time.txt") and "tfevents" not in name.name
    }


def _read(path):
    if path.name == "last.pt":
        return _plain(checkpoint(path.parent))
    return metrics(path.parent) if path.name == "metrics.jsonl" else path.read_bytes()


def _plain(value):
    """A nested state whose tensors are bytes, which ``==`` compares."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return (value.dtype, value.shape, value.numpy().tobytes()) if isinstance(value, Tensor) else value
