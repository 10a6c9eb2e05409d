"""Commands killed outright at their n-th change of a file, in whatever they are doing: run again, they end as ever.

`make fuzz` kills each command at every change of a file, or at `MOST` spread over all; the suite kills those that go on
at three. Training in two processes is killed at random moments in tests/experiments/train/test_processes.py.
"""

import os
import shutil

import numpy as np
import pytest

from tests.material.commands import COMMANDS, GOES_ON, Forked, command_line, content

IN_FULL = "FUZZ_INPUTS" in os.environ
MOST = 40 if IN_FULL else 3
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
    pytest.mark.filterwarnings("ignore:.*fork"),
    pytest.mark.usefixtures("in_this_process"),
]


@pytest.mark.parametrize("name", COMMANDS if IN_FULL else [*GOES_ON, "track"])
def test_killed_anywhere_a_command_ends_with_the_files_of_one_that_was_left_alone(tmp_path, name):
    arguments, folder = command_line(name, tmp_path)
    whole = Forked(arguments, folder)
    assert whole.wait()[0] == 0
    expected, total = content(folder), whole.changes
    assert expected
    for at in np.unique(np.linspace(1, total, MOST).round().astype(int)).tolist():
        shutil.rmtree(folder)  # as the first run found it, so that it makes as many changes
        assert Forked(arguments, folder, at).wait()[0] is None
        assert Forked(arguments, folder).wait()[0] == 0, f"after a kill at change {at} of {total}"
        assert content(folder) == expected, f"after a kill at change {at} of {total}"
