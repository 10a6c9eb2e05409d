"""README.md and docs/ taken literally: every command is understood; README's commands and Python run on made data."""

import os
import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
import yaml

from data.video.writer import VideoWriter
from experiments.__main__ import COMMANDS, _parse, main
from experiments.serve.command import Serve
from tests.material.trees import make_otb
from tracker.backbones.mobile import Mobile

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]

NOT_RUN = {
    "make demo": "trains for a minute; tests/experiments/demo runs its parts",
    "make test": "runs this test",
    "python3 -m venv .venv": "is set up before any test",
    ".venv/bin/pip install -c constraints.txt -r requirements.txt": "downloads",
    "python -m experiments losses": "takes minutes; tests/experiments/losses runs it",
    "python -m experiments compare": "takes an hour; tests/experiments/compare runs it with small numbers",
    "python -m experiments benchmark --dataset folder --root ../shared/otb": "needs OTB and NanoTrack's files",
}
"""How a command of README.md begins that is not run here, and why."""

SMALL = {
    "steps": 2,
    "batch_size": 2,
    "distillation": {"steps": 1},
    "data": {"workers": 0},
    "validation": {"synthetic": 1, "frames": 2},
}
"""What makes a training short, as a config over one of the project's."""


def blocks_of(page, language=""):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)


def commands_of(page):
    """Arguments of each command of a page's blocks and of those in a line of text, without what ``…`` stands for."""
    lines = [line for block in blocks_of(page, r"\w*") for line in block.replace("\\\n", " ").splitlines()]
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    lines += re.findall(r"`([^`]*python -m experiments [^`]*)`", text)
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
        if given and (given[0] in COMMANDS or given == ["--help"]):
            yield given


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_understood(page, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    for given in commands_of(page):
        if given[0] == "report" and "RESULTS_DIR" not in given and len(given) < 3:
            continue  # named in a sentence, without its options
        try:
            _parse(given)
        except SystemExit as end:
            if end.code:
                pytest.fail(f"{page.name}: {' '.join(given)}: {capsys.readouterr()}")


def test_the_pages_hold_commands_of_every_kind():
    kinds = {given[0] for page in PAGES for given in commands_of(page)}
    assert kinds >= set(COMMANDS) - {"demo"}


def test_what_is_not_run_is_there_and_nothing_else():
    text = README.read_text("utf-8")
    assert not [line for line in NOT_RUN if line not in text]
    lines = [line for block in blocks_of(README) for line in block.splitlines()]
    shell = [line for line in lines if re.match(r"(make|pip|python3?|\.venv/bin/\w+) ", line)]
    others = [line for line in shell if "python -m experiments " not in line]
    assert not [line for line in others if not line.startswith(tuple(NOT_RUN))]


@pytest.fixture
def served(monkeypatch):
    """Pages that `serve` would show: it does not wait for a browser, and takes a port that is free."""
    pages, listen = [], Serve._listen
    monkeypatch.setattr("aiohttp.web.run_app", lambda app, sock, **_: (pages.append(app), sock.close()))
    monkeypatch.setattr(Serve, "_listen", lambda self: setattr(self, "port", 0) or listen(self))
    return pages


def write_teacher(path):
    """Random weights of NanoTrack's backbone, as ONNX has them."""
    layers = [one for one in Mobile().modules() if isinstance(one, torch.nn.Conv2d | torch.nn.Linear)]
    nodes, tensors = [], []
    for number, layer in enumerate(layers):
        weight = layer.weight.detach().numpy()
        names = [f"{number}.weight", f"{number}.bias"]
        tensors += map(onnx.numpy_helper.from_array, (weight, np.zeros(len(weight), np.float32)), names)
        kind = "Conv" if weight.ndim == 4 else "Gemm"
        nodes.append(onnx.helper.make_node(kind, ["features", *names], ["features"]))
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "teacher", [], [], tensors)), path)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home and a checkout in it, with what README speaks of, and configs of few steps."""
    monkeypatch.setenv("XDG_CACHE_HOME", os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    noise = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (320, 520, 3), np.uint8), (0, 0), 2)
    with VideoWriter("car.mp4") as writer:
        for shift in range(42):
            writer.write(np.roll(noise, 2 * shift, axis=1))
    for folder in (Path("frames"), tmp_path / "stills"):
        folder.mkdir()
        for number in range(3):
            cv2.imwrite(str(folder / f"{number}.jpg"), np.roll(noise, 99 * number, axis=0))
    Path("more.txt").write_text("10:200,100,50,40\n")
    write_teacher("nanotrack_backbone_sim.onnx")
    make_otb(tmp_path / "OTB", "Deer", frames=71)
    for name in ("one", "two"):
        make_otb(tmp_path / "clips", name)
    Path("experiments/configs").mkdir(parents=True)
    packages = (ROOT / name for name in ("data", "losses", "tracker"))
    for part in (*packages, *(ROOT / "experiments").iterdir()):
        if part.name != "configs":
            Path(part.relative_to(ROOT)).symlink_to(part)
    for file in (ROOT / "experiments" / "configs").glob("*.yaml"):
        Path("experiments/configs", file.name).write_text(yaml.safe_dump({"base": str(file), **SMALL}))
    return tmp_path


def run(given):
    try:
        return main(given)
    except SystemExit as end:  # --help
        return end.code or 0


@pytest.mark.slow
def test_readme_followed_literally(home, served, capsys):
    for given in commands_of(README):
        line = " ".join(["python -m experiments", *given])
        if line.startswith(tuple(NOT_RUN)):
            continue
        status, said = run(given), capsys.readouterr()
        absent = "opencv-csrt" in line and not hasattr(cv2, "TrackerCSRT")
        assert status == absent, f"{line}: {said.err}"
        assert ("left out: opencv-csrt is not in the installed OpenCV" in said.err) == absent
    assert len(served) == 1
    for code in blocks_of(README, "python"):
        exec(compile(code, str(README), "exec"), {})
    runs = home / "work" / "runs"
    for file in ("track/car.mp4/boxes.txt", "by-mine/boxes.txt", "report/otb2015/report.html"):
        assert (runs / file).is_file()
    assert list((runs / "benchmark").rglob("hog/Deer.txt"))
