"""Every page of docs/recipes does what it says: its files are added, its code and its commands run."""

import importlib
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

import losses.registry
from data import synthetic_sequence, write_otb
from data.boxes import bbox_center
from data.datasets.base import DATASETS
from experiments.__main__ import main
from tracker import TRACKERS
from tracker.backbones import BACKBONES

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs" / "recipes").glob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
ENTRIES = (DATASETS._entries, TRACKERS._entries, BACKBONES._entries, losses.registry._LOSSES)


@pytest.fixture
def add_file(tmp_path, monkeypatch):
    """Adds a file to a package as if it lay in its folder; what it registers goes again."""
    added = []

    def add(path, code):
        package = ".".join(Path(path).parent.parts)
        folder = tmp_path / "parts" / package
        folder.mkdir(parents=True)
        (folder / Path(path).name).write_text(code)
        module = importlib.import_module(package)
        monkeypatch.setattr(module, "__path__", [*module.__path__, str(folder)])
        assert not (ROOT / path).exists(), "a recipe must not add what there is already"
        added.append(f"{package}.{Path(path).stem}")

    yield add
    for entries in ENTRIES:
        for name in [name for name, part in entries.items() if part.__module__ in added]:
            del entries[name]
    for name in added:
        sys.modules.pop(name, None)


@pytest.fixture
def clips(tmp_path, monkeypatch):
    """A working folder with a clip in OTB's layout, and one in the layout of the recipe for datasets."""
    sequence = synthetic_sequence(seed=1, length=4)
    write_otb(sequence, tmp_path / "car")
    other = tmp_path / "centres" / "bus"
    other.mkdir(parents=True)
    for path in (tmp_path / "car" / "img").iterdir():
        (other / path.name).symlink_to(path)
    np.savetxt(other / "centres.txt", np.hstack([bbox_center(sequence.bboxes), sequence.bboxes[:, 2:]]))
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_recipe_works_as_it_stands(page, add_file, clips):
    assert len(PAGES) == 5
    ran = 0
    for language, code in BLOCK.findall(page.read_text("utf-8")):
        path = re.match(r"# (\S+\.py)\n", code)
        if path:
            add_file(path[1], code)
        elif language == "python":
            exec(compile(code, str(page), "exec"), {"__name__": page.stem})
            ran += 1
        for line in code.splitlines() if not language else ():
            words = shlex.split(line.replace("experiments/configs", str(ROOT / "experiments" / "configs")))
            assert words[:3] == ["python", "-m", "experiments"]
            assert main(words[3:]) == 0, line
            ran += 1
    assert ran
