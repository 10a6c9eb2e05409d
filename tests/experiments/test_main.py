"""The command line's last line of defence."""

import subprocess
import sys
from pathlib import Path

import pytest

from experiments.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
INTERRUPTED = """
import os, runpy, signal, sys

class Finder:
    def find_spec(self, name, *_):
        if name == MODULE:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder())
runpy.run_module("experiments", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("module", ["tyro", "experiments.train.settings", "torch"])
def test_ctrl_c_while_modules_are_loaded_is_one_line(module):
    code = INTERRUPTED.replace("MODULE", repr(module))
    command = [sys.executable, "-c", code, "track", "x.mp4", "--init-bbox=1,1,9,9"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted by SIGINT\n")


def test_any_exception_is_one_line(monkeypatch, capsys, tmp_path):
    def broken(*_):
        raise KeyError("a key that nobody thought of")

    monkeypatch.setattr("data.open_video", broken)
    arguments = ["track", str(tmp_path / "x.mp4"), "--init-bbox", "1,1,9,9", "--tracker", "identity"]
    assert main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["error: KeyError: 'a key that nobody thought of' (--debug shows where)"]
    with pytest.raises(KeyError):
        main([*arguments, "--debug"])
