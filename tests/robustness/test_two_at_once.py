"""A command that begins while another writes into its folder: refused in a line, and neither's files are mixed."""

import os
import shutil
import signal

import pytest

from tests.material.commands import COMMANDS, GOES_ON, Forked, command_line, content

IN_FULL = "FUZZ_INPUTS" in os.environ
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
    pytest.mark.filterwarnings("ignore:.*fork"),
    pytest.mark.usefixtures("in_this_process"),
]


@pytest.mark.parametrize("name", COMMANDS if IN_FULL else [*GOES_ON, "track", "report"])
def test_the_second_of_two_runs_is_refused_or_harmless(tmp_path, name):
    arguments, folder = command_line(name, tmp_path)
    alone = Forked(arguments, folder)
    assert alone.wait()[0] == 0
    expected = content(folder)
    for at in (1, alone.changes // 2, alone.changes) if IN_FULL else [alone.changes // 2]:
        shutil.rmtree(folder)  # as the first run found it, so that it makes as many changes
        first = Forked(arguments, folder, at, signal.SIGSTOP)
        os.waitpid(first.process, os.WUNTRACED)
        status, lines = Forked(arguments, folder).wait()
        if status:
            assert (status, len(lines)) == (2, 1), lines
            assert "is writing into" in lines[0]
        os.kill(first.process, signal.SIGCONT)
        assert first.wait() == (0, [])
        assert content(folder) == expected, at
