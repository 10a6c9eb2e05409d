"""CPU threads: one place decides for every command."""

import os
import sys

import pytest
import torch

from experiments.__main__ import COMMANDS, main
from experiments.losses.command import Losses
from experiments.runtime.threads import limit_threads
from experiments.track.command import Track


@pytest.fixture(autouse=True)
def unchanged(monkeypatch):
    before = torch.get_num_threads()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "2")
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_computes_with_one_thread_unless_told_otherwise(name, monkeypatch):
    counts = []

    def run(_):
        counts.append((torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]))
        return 0

    needed = {
        "benchmark": ["--dataset", "otb2015", "--root", "."],
        "check": ["--dataset", "otb2015", "--root", "."],
        "export": ["fast", "--output", "fast.onnx"],
        "prepare": ["--dataset", "folder", "--root", ".", "--output", "out"],
        "report": ["results", "--dataset", "otb2015", "--root", "."],
        "track": ["car.mp4"],
    }.get(name, [])
    monkeypatch.setattr(COMMANDS[name], "run", run)
    torch.set_num_threads(2)
    assert main([name, *needed]) == 0
    if COMMANDS[name] in (Track, Losses):
        assert main([name, *needed, "--threads", "2"]) == 0
    assert counts == [(1, "1"), (2, "2")][: len(counts)]


@pytest.mark.parametrize("count", [0, -1, 100_000])
def test_a_number_that_cannot_be(count):
    with pytest.raises(ValueError, match=rf"--threads must be 1 to \d+, .* got {count}"):
        limit_threads(count)


def test_torch_is_not_loaded_for_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    limit_threads(1)
    assert "torch" not in sys.modules
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
