"""Seeded fuzz of command lines and config files: whatever is in them, a command ends, in words, with 0, 1 or 2."""

import contextlib
import io
import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from data.video.writer import VideoWriter
from experiments.__main__ import main
from experiments.train.build import Trained, check_settings
from experiments.train.parse import complete, read_settings
from tests.material.results_trees import write_annotations, write_tracker
from tests.material.trees import make_otb

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
    "benchmark": "benchmark --dataset folder --root data --trackers identity --output out --sequences A --protocol ope",
    "check": "check --dataset folder --root data",
    "compare": "compare --losses l2 focal:gamma=2 --seeds 1 --stages online --output out --steps 9 --workers 1 "
    "--validation folder:data --test folder:other",
    "demo": "demo --output out --length 3",
    "export": "export gray --output out/x.onnx --overwrite",
    "losses": "losses --curves l2,l3 --output out --frame x.jpg --bbox 9,9,20,16 --threads 1",
    "prepare": "prepare --dataset folder --root data --output out --frames-per-clip 2 --context 4 --quality 90",
    "report": "report results --dataset otb2015 --root truth.json --output out --rules otb --trackers ours",
    "serve": "serve x.avi data --trackers identity --port 0 --upload-mb 5",
    "track": "track x.avi --init-bbox 9,9,20,16 --tracker identity --output out --overwrite --format csv otb",
    "train": "train --steps 3 --loss.name focal --loss.gamma 2 --data.sources folder:data --seed 1 --output out",
    "vot": "vot --tracker identity --device cpu --ini",
}
CONFIGS = sorted((Path(main.__code__.co_filename).parent / "configs").glob("*.yaml"))
FULL = int(os.environ.get("FUZZ_INPUTS", "0"))


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """A folder with what the commands above name."""
    folder = tmp_path_factory.mktemp("fuzz")
    for root, name in (("data", "A"), ("data", "B"), ("other", "C")):
        make_otb(folder / root, name, frames=3)
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


@pytest.fixture
def without_the_work(monkeypatch):
    """What a command does when its arguments are right, which takes seconds, or does not end."""
    done = Trained(finished=True, net=None)
    for place, does in {
        "benchmark.run.Benchmarking._jobs": lambda _: [],
        "compare.clips.SYNTHETIC_FRAMES": 2,
        "compare.page.write_comparison": lambda *_: None,
        "compare.run.Comparison.run": lambda *_: None,
        "demo.command.Demo._trained": lambda _: {},
        "demo.command.Report": lambda **_: SimpleNamespace(run=lambda: 0),
        "demo.command.SCENES": ((("IV",), True),),
        "demo.command.FRAME_WH": (64, 48),
        "demo.command.TRACKERS": ("identity",),
        "demo.showcase.show": lambda *_: ({"mean": {}}, {}),
        "drawing.figures.Plot.save": lambda *_: None,
        "drawing.pages.write_page": lambda *_, **__: None,
        "report.command.write_plots": lambda *_: None,
        "serve.app.make_app": lambda *_: None,
        "serve.desk.Desk": lambda *_: None,
        "train.build.train": lambda settings, *_, **__: check_settings(complete(settings), 1) or done,
        "vot.server.serve_trax": lambda *_: None,
    }.items():
        monkeypatch.setattr(f"experiments.{place}", does)
    monkeypatch.setattr("aiohttp.web.run_app", lambda *_, **__: None)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("without_the_work")
@pytest.mark.parametrize("name", COMMANDS)
def test_any_command_line_ends_in_words(material, monkeypatch, name):
    monkeypatch.chdir(material)
    rng = np.random.default_rng(len(name))
    for number in range(FULL // len(COMMANDS) or 6):
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
        assert not re.search(r"Traceback|\(--debug shows where\)", said.getvalue()), ascii(
            (words, said.getvalue())
        )


@pytest.mark.filterwarnings("ignore")
def test_any_config_is_read_or_refused_in_words(tmp_path):
    rng, file = np.random.default_rng(0), tmp_path / "c.yaml"
    shutil.copy(CONFIGS[0].with_name("compact.yaml"), tmp_path)  # others build on it
    texts = [[line for line in path.read_text().splitlines() if line[0] != "#"] for path in CONFIGS]
    for number in range(FULL or 12):
        words = changed(" \n ".join(["", "seed: &s 1", *texts[number % len(texts)]]).split(" "), rng)
        file.write_bytes(" ".join(words).encode(errors="surrogateescape"))
        try:
            settings = read_settings(file)
        except BaseException as error:
            if not isinstance(error, ValueError | FileNotFoundError) or str(file) not in str(error):
                pytest.fail(ascii(f"input {number}: {words}: {type(error).__name__}: {error}"))
            continue
        with contextlib.suppress(ValueError, FileNotFoundError):
            check_settings(complete(settings), 1)
