"""Long inputs: nothing grows with the number of frames but boxes and times. `make fuzz` takes 100,000 frames."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.video.writer import VideoWriter
from experiments.__main__ import main
from experiments.benchmark.jobs import Job
from experiments.benchmark.worker_process import _run
from experiments.track.files import TrackFiles
from experiments.trackers.by_name import parse_contenders

FRAMES = 10 * int(os.environ.get("FUZZ_INPUTS", "30"))
BYTES = 600
"""Of a frame's boxes and times; a frame itself has 57,600."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="needs Linux's count of pages")


class Memory:
    """The process's pages, noted whenever ``value`` is set."""

    def __init__(self):
        self.noted = []

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name == "value":
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.noted.append(pages * os.sysconf("SC_PAGESIZE"))

    def assert_constant(self):
        warm = len(self.noted) // 4  # allocators have filled their pools
        growth = max(self.noted[-100:]) - max(self.noted[:warm])
        assert len(self.noted) >= FRAMES
        assert growth < 4e6 + BYTES * FRAMES, f"{growth / 1e6:.1f} MB in {FRAMES - warm} frames"


@pytest.fixture(scope="module")
def picture():
    return cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8), (0, 0), 3)


def test_track(tmp_path, monkeypatch, picture):
    memory, write = Memory(), TrackFiles.write

    def noting(*given):
        memory.value = write(*given)

    monkeypatch.setattr(TrackFiles, "write", noting)
    with VideoWriter(tmp_path / "x.avi") as writer:
        for index in range(FRAMES):
            writer.write(np.roll(picture, index % 9, axis=1))
    tracker = "gray" if FRAMES < 1000 else "identity"  # 100,000 frames in two minutes, not ten
    arguments = ["track", str(tmp_path / "x.avi"), "--init-bbox", "50,40,40,32", "--tracker", tracker]
    assert main([*arguments, "--output", str(tmp_path / "out"), "--save-video"]) == 0
    memory.assert_constant()


def test_benchmark(tmp_path, picture):
    memory = Memory()
    cv2.imwrite(str(tmp_path / "0001.jpg"), picture)
    (contender,) = parse_contenders("identity", (), "cpu")
    paths = (tmp_path / "0001.jpg",) * FRAMES
    outcome = _run(Job(contender, "identity", "x", 1, paths, (50, 40, 40, 32), None), {}, Nobody(), memory)
    assert len(outcome.bboxes) == FRAMES
    memory.assert_constant()


class Nobody:
    def poll(self):
        return False
