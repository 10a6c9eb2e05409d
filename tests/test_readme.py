"""README.md and docs/ taken literally: every command in them is understood by the parser as it stands there."""

import re
import shlex
from pathlib import Path

import pytest

from experiments.__main__ import COMMANDS, _parse

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands_of(page):
    """Arguments of each command of a page's blocks and of those in a line of text, without what ``…`` stands for."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(
        r"`([^`]*python -m experiments [^`]*)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    )
    for line in lines:
        _, found, rest = line.partition("python -m experiments ")
        if not found:
            continue
        words = shlex.split(rest, comments=True)
        words = words[: words.index(">>")] if ">>" in words else words
        given = [
            one
            for one, after in zip(words, [*words[1:], ""], strict=True)
            if "…" not in one + after * one.startswith("--")
        ]
        if given and given[0] in COMMANDS:
            yield given


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_understood(page, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    for given in commands_of(page):
        if given[0] == "report" and "RESULTS_DIR" not in given and len(given) < 3:
            continue  # named in a sentence, without its options
        try:
            _parse(given)
        except SystemExit:
            pytest.fail(f"{page.name}: {' '.join(given)}: {capsys.readouterr()}")


def test_the_pages_hold_commands_of_every_kind():
    kinds = {given[0] for page in PAGES for given in commands_of(page)}
    assert kinds >= {
        "track",
        "train",
        "prepare",
        "check",
        "benchmark",
        "report",
        "compare",
        "losses",
        "serve",
        "vot",
    }
