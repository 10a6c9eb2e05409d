"""Commands whose files may have only so many bytes, as on a full disk: one line, nothing half-written, nothing lost."""

import os
import shutil

import pytest

from tests.material.commands import COMMANDS, GOES_ON, Forked, command_line, content

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
    pytest.mark.filterwarnings("ignore:.*fork"),
    pytest.mark.usefixtures("in_this_process"),
]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_one_line_and_costs_nothing(tmp_path, name):
    arguments, folder = command_line(name, tmp_path)

    def assert_refused(size):
        status, lines = Forked(arguments, folder, size=size).wait()
        assert (status, len(lines)) == (2, 1), lines
        assert lines[0].startswith(f"error: [Errno 27] cannot write {folder}/"), lines

    assert Forked(arguments, folder).wait() == (0, [])
    whole = content(folder)
    enough = max(path.stat().st_size for path in folder.rglob("*") if path.is_file()) * 3 // 4
    assert_refused(0)
    if name == "demo":  # takes its page away first, which shows files that are about to be replaced
        (folder / "index.html").write_bytes(whole["index.html"])
    assert content(folder) == whole
    if name in (*GOES_ON, "demo"):
        shutil.rmtree(folder)
        assert_refused(enough)
        assert Forked(arguments, folder).wait() == (0, [])
    else:
        assert_refused(enough)
    assert content(folder) == whole
