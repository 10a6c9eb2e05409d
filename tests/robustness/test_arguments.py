"""Seeded fuzz of command lines and config files: whatever is in them, a command ends, in words, with 0, 1 or 2."""

import contextlib
import io
import os

import numpy as np
import pytest

from data.video.writer import VideoWriter
from experiments.__main__ import main
from experiments.train.parse import read_settings
from tests.material.results_trees import write_annotations, write_tracker
from tests.material.trees import make_otb

COUNT = int(os.environ.get("FUZZ_INPUTS", "60")) // 6
WORDS = (
    *(
        "",
        " ",
        "-1",
        "0",
        "3",
        "1e999",
        "nan",
        "inf",
        "9" * 400,
        "None",
        "true",
        "[1",
        "{",
        "'",
        "%s",
        "~nobody",
        "é",
    ),
    *(
        "\udcff",
        "\0",
        "\x1b[31m",
        "a,b",
        "1,1,9,9",
        "0,0,0,0",
        "-5,-5,1,1",
        "9,9,1e9,2",
        "no/such",
        "--",
        "--help",
    ),
    *(
        "--debug",
        "--root",
        "--output",
        "x=y",
        "fast:",
        "os:path",
        "a" * 300,
        "..",
        "*",
        "[",
        "folder",
        "http://[",
        "9",
    ),
)

COMMANDS = {
    "check": "check --dataset folder --root data",
    "prepare": "prepare --dataset folder --root data --output out --frames-per-clip 2 --context 4 --quality 90",
    "report": "report results --dataset otb2015 --root truth.json --output out --rules otb --trackers ours",
    "track": "track x.avi --init-bbox 9,9,20,16 --tracker identity --output out --overwrite --format csv otb",
    "benchmark": "benchmark --dataset folder --root data --trackers identity --output out --sequences A --protocol ope",
}


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """A folder with what the commands above name."""
    folder = tmp_path_factory.mktemp("fuzz")
    for name in ("A", "B"):
        make_otb(folder / "data", name, frames=3)
    with VideoWriter(folder / "x.avi") as writer:
        for _ in range(3):
            writer.write(np.zeros((48, 64, 3), np.uint8))
    write_tracker(folder / "results", "ours")
    write_annotations(folder / "truth.json")
    return folder


def changed(words, rng):
    """A command line with a few words replaced, left out, doubled or put in; never its name."""
    words = list(words)
    for _ in range(rng.integers(1, 4)):
        at, word = int(rng.integers(1, max(len(words), 2))), WORDS[rng.integers(len(WORDS))]
        kind = rng.integers(4)
        if kind == 0:
            words[at : at + 1] = [word]
        elif kind == 1:
            del words[at : at + 1]
        else:
            words.insert(at, word if kind == 2 else words[at % len(words)])
    return words


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", COMMANDS)
def test_any_command_line_ends_in_words(material, monkeypatch, name):
    monkeypatch.chdir(material)
    monkeypatch.setattr("experiments.benchmark.run.Benchmarking._jobs", lambda _: [])  # no processes
    monkeypatch.setattr("experiments.report.command.write_plots", lambda *_: None)  # seconds each
    rng = np.random.default_rng(len(name))
    for number in range(COUNT):
        words, said = changed(COMMANDS[name].split(), rng), io.StringIO()
        words = [word for word in words if word != "--debug"]
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
                status = main(words)
        except SystemExit as stop:  # the parser has said what is wrong, or shown the help
            status = stop.code
        except BaseException as error:
            pytest.fail(ascii(f"input {number}: {words}: {type(error).__name__}: {error}"))
        assert status in (0, 1, 2), ascii(words)
        assert status == 0 or said.getvalue().strip(), ascii(words)
        assert "\x1b[31m" not in said.getvalue().replace("│", ""), ascii(words)
        assert "Traceback" not in said.getvalue(), ascii(words)


@pytest.mark.filterwarnings("ignore")
def test_any_config_is_read_or_refused_in_words(tmp_path):
    rng = np.random.default_rng(0)
    lines = ["steps: 3", "loss: {name: focal, gamma: 2}", "data:", "  sources: [synthetic]", "seed: &s 1"]
    for number in range(COUNT):
        words = changed(" \n ".join(["", *lines]).split(" "), rng)
        (tmp_path / "c.yaml").write_bytes(" ".join(words).encode(errors="surrogateescape"))
        try:
            read_settings(tmp_path / "c.yaml")
        except ValueError as error:
            said = str(error)
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        else:
            continue
        assert str(tmp_path / "c.yaml") in said, ascii(f"input {number}: {words}: {said}")
