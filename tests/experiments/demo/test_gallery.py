"""The gallery's pictures are made, small enough for a repository, and those that docs/gallery.md shows."""

import re
from pathlib import Path

import cv2
import pytest

from experiments.__main__ import main

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.mark.slow
def test_the_command_makes_what_the_page_shows(tmp_path, capsys):
    assert main(["demo", "--gallery", str(tmp_path)]) == 0
    made = sorted(path.name for path in tmp_path.iterdir())
    shown = sorted(re.findall(r"\]\(gallery/(.+?)\)", (DOCS / "gallery.md").read_text()))
    assert made == shown == sorted(path.name for path in (DOCS / "gallery").iterdir())
    for name in made:
        assert cv2.imread(str(tmp_path / name)).shape == (360, 640, 3)


def test_no_picture_is_large():
    assert all(path.stat().st_size < 200_000 for path in (DOCS / "gallery").iterdir())
