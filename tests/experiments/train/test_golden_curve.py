"""The loss curve of a committed config against the curve this project itself recorded.

Recorded on 2026-11-24 with torch 2.13.0 on one CPU thread; it is no independent truth, and a wrong curve would be
kept as faithfully as a right one. It stands here because the parts (pairs, jitter, loss, filter layer, optimiser,
schedule) have references of their own, but how a run puts them together has none: a change of order, seed or default
that no other test sees moves this curve.
"""

import json
from pathlib import Path

import pytest

from experiments.train.build import train
from experiments.train.command import Train
from tests.material.tiny_training import metrics

CURVE = Path(__file__).with_name("golden_curve.json")
CONFIG = Path(__file__).resolve().parents[3] / "experiments/configs/smoke.yaml"
TOLERANCE = 0.02
"""Relative. The same machine repeats its curve to the bit; other processors and versions of torch round differently."""

OPTIONS = [
    "--model.no-box-head",
    "--model.filter=spatial",
    "--loss.name=l2",
    "--steps=20",
    "--compute.device=cpu",
]
UNVALIDATED = ["--validation.every=0", "--validation.synthetic=1", "--validation.frames=2"]


@pytest.mark.slow
def test_the_loss_follows_its_recorded_curve(tmp_path):
    """To record it anew after a change that is meant: run the test, and copy what it shows."""
    settings = Train.parse(["--config", str(CONFIG), *OPTIONS, *UNVALIDATED], "train").settings
    assert train(settings, tmp_path / "run").finished
    found = [line["response_loss"] for line in metrics(tmp_path / "run") if line["part"] == "train"]
    assert found == pytest.approx(json.loads(CURVE.read_text()), rel=TOLERANCE), json.dumps(found)
