"""Every loss of response maps trains; those that need more than response and label get it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from experiments.__main__ import main
from experiments.train.build import build_training
from experiments.train.processes import Processes
from experiments.train.settings import Arguments
from losses import list_losses
from losses.registry import map_settings
from tests.material.tiny_training import metrics, settings, write_clips

SMOKE = Path(__file__).resolve().parents[3] / "experiments/configs/smoke.yaml"
ALONE = Processes(0, 1, torch.device("cpu"))


def takes_maps(name):
    try:
        return bool(map_settings(name))
    except ValueError:
        return False


MAP_LOSSES = [name for name in list_losses() if takes_maps(name)]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


def test_twenty_of_the_losses_take_maps():
    assert (len(MAP_LOSSES), len(list_losses())) == (20, 23)


@pytest.mark.parametrize("name", list_losses())
def test_each_loss_trains_from_the_command_line_or_says_why_not(tmp_path, capsys, name):
    run = ["--config", str(SMOKE), "--loss.name", name, "--steps", "5", "--output", str(tmp_path / "run")]
    if name not in MAP_LOSSES:
        assert main(["train", *run]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"loss '{name}' cannot train a response map" in line
        return
    assert main(["train", *run]) == 0
    (line,) = (line for line in metrics(tmp_path / "run") if line["part"] == "train")
    assert line["step"] == 5
    assert 0 < line["gradient_norm"] < float("inf")


@pytest.mark.parametrize("name", ["cdt", "seql"])
def test_locations_are_counted_in_the_training_labels(clips, name):
    training, feed = build_training(settings(clips, f"--loss.name={name}"), None, ALONE)
    counts = training.learner.objective.criterion.counts
    batch, _ = next(iter(feed(0)))
    outcome = training.learner.evaluate(batch)
    assert counts.shape == (outcome.label[0].numel(),)
    assert counts.max() > 1  # targets are near the middle, so that locations differ
    assert counts.min() == 1


def with_filter(chosen, name):
    return replace(chosen, model=replace(chosen.model, filter=name, arguments=Arguments()))


@pytest.mark.parametrize("filter", ["ridge", "spatial"])
def test_influence_balancing_begins_at_its_step(clips, filter):
    learners = []
    for loss in (["influence-balanced", "--loss.start_step=2"], ["l2"]):
        chosen = with_filter(settings(clips, "--loss.name", *loss), filter)
        training, feed = build_training(chosen, None, ALONE)
        learners.append(training.learner)
    batch, _ = next(iter(feed(0)))
    ratios = []
    for step in (0, 1, 2):
        balanced, plain = (learner.step(batch, 0.0, step).outcome.response_loss for learner in learners)
        ratios.append(float(balanced / plain))
    assert ratios[:2] == pytest.approx([1, 1], rel=1e-5)
    assert abs(ratios[2] - 1) > 0.1
