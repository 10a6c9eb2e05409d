"""The figures of the losses: one page, all files, captions with the numbers that they claim."""

import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import losses
from experiments.__main__ import main
from experiments.drawing.figures import COLOURS
from experiments.losses import command as command
from experiments.losses import cost as loss_benchmark
from experiments.losses.command import Losses
from losses import list_losses, registry


@pytest.mark.slow
def test_the_page_names_every_figure_and_every_file_is_there(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "REAL_FRAME", Path("absent.jpg"))
    assert Losses(output=tmp_path).run() == 0
    names = [f"figure-{number}" for number in range(1, 13)]
    page = (tmp_path / "index.html").read_text()
    assert re.findall(r'<figure id="(.*?)"', page) == names
    for name in names:
        assert cv2.imread(str(tmp_path / f"{name}.png")).std() > 5
        assert (tmp_path / f"{name}.svg").stat().st_size > 10_000
    assert "a synthetic frame" in page
    assert "7.1 times under L2, 19.0 under L3 and 9.7 under shrinkage" in page
    printed = capsys.readouterr()
    assert "12 figures" in printed.out
    assert torch.get_num_threads() == 1


NEW_FAMILY = """
from losses import Loss, register_loss


@register_loss("quintic")
class Quintic(Loss):
    setting = "regress"

    def pointwise(self, prediction, target):
        return (prediction - target).abs().pow(5)
"""


def test_a_loss_in_a_new_file_has_its_curves_on_the_command_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "quintic.py").write_text(NEW_FAMILY)
    monkeypatch.setattr(losses, "__path__", [*losses.__path__, str(tmp_path)])
    try:
        assert main(["losses", "--curves", "quintic,l2,focal", "--output", str(tmp_path / "out")]) == 0
        assert "quintic, l2, focal" in (tmp_path / "out" / "index.html").read_text()
        assert cv2.imread(str(tmp_path / "out" / "curves.png")).std() > 5
    finally:
        registry._LOSSES.pop("quintic", None)
        sys.modules.pop("losses.quintic", None)
    assert main(["losses", "--curves", "shrinkag", "--output", str(tmp_path)]) == 2
    assert "shrinkage" in capsys.readouterr().err
    assert main(["losses", "--curves", "ce,l2", "--output", str(tmp_path)]) == 2
    assert "single locations" in capsys.readouterr().err


def test_a_frame_needs_its_box(tmp_path):
    image = tmp_path / "frame.png"
    cv2.imwrite(str(image), np.zeros((40, 40, 3), np.uint8))
    for arguments, message in (
        ({"frame": image}, "together"),
        ({"frame": image, "bbox": "1,2,3"}, "four numbers X,Y,W,H, .*got '1,2,3'"),
        ({"frame": image, "bbox": "90,2,5,5"}, "centre inside the 40x40 frame"),
    ):
        with pytest.raises(ValueError, match=message):
            Losses(output=tmp_path, **arguments).run()
    with pytest.raises(FileNotFoundError, match=r"absent\.png"):
        Losses(output=tmp_path, frame=tmp_path / "absent.png", bbox="1,1,9,9").run()


def test_colours_belong_to_losses():
    assert set(COLOURS) - {"mixture focal"} <= set(list_losses())


def test_the_benchmark_is_a_table_of_both_modes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch, "compile", lambda loss: loss)
    monkeypatch.setattr(loss_benchmark, "SHAPES", ((1, 1, 3, 3), (2, 1, 3, 3)))
    monkeypatch.setattr(loss_benchmark, "SECONDS", 0)
    assert Losses(output=tmp_path, benchmark=True).run() == 0
    table = (tmp_path / "benchmark.md").read_text()
    assert table in capsys.readouterr().out
    for mode in ("eager", "compiled"):
        assert f"| {mode} | (1, 1, 3, 3) | (2, 1, 3, 3) |" in table
    assert len(re.findall(r"^\| shrinkage \| \d+ \([\d.]+\) \| \d+ \([\d.]+\) \|$", table, re.M)) == 2
    assert "GPU: not measured" in table
