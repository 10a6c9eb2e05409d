"""A teacher's features are learned first, in the same loop: what learns when, at what rate, and across a kill."""

import copy
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from experiments.train.build import build_learner, build_training, train
from experiments.train.loop import Training
from experiments.train.optimiser import rate_at, rate_factor
from experiments.train.processes import Processes
from tests.material.tiny_training import assert_same_run, metrics, options, settings, write_clips
from tracker.backbones.mobile import Mobile

ALONE = Processes(0, 1, torch.device("cpu"))
STEPS = 5  # of the run's 8
DISTIL = [
    *("--model.backbone=mobile", "--model.widths=None", "--model.channels=8", "--data.crop-size=64"),
    *(f"--distillation.steps={STEPS}", "--distillation.window=48", "--validation.every=0"),
]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A mobile network of other random weights, with the statistics of a batch."""
    torch.manual_seed(7)
    net = Mobile().train()
    for _ in range(20):
        net(torch.rand(2, 3, 64, 64) * 255)
    file = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, file)
    return file


def tiny(clips, teacher, *more):
    return settings(clips, *DISTIL, f"--teacher={teacher}", *more)


def test_rates_begin_anew_after_the_distillation(clips, teacher):
    chosen = tiny(clips, teacher, "--distillation.rate=0.5", "--optimiser.rate=0.25")
    first = [0.5 * rate_factor(step, STEPS, warmup=STEPS // 2) for step in range(STEPS)]
    then = [0.25 * rate_factor(step, 3, warmup=2) for step in range(3)]
    assert [rate_at(chosen, step) for step in range(8)] == first + then
    assert rate_at(settings(clips, *DISTIL), 0) == 0.003 / 2  # without a teacher there is no distillation


@pytest.mark.parametrize("factor", ["0", "0.5"])
def test_the_backbone_learns_alone_and_then_as_told(clips, teacher, factor):
    chosen = tiny(clips, teacher, f"--optimiser.backbone-factor={factor}")
    training, feed = build_training(chosen, None, ALONE)
    learner, net = training.learner, training.learner.objective.net
    kept = {name: tensor.clone() for name, tensor in net.state_dict().items()}

    def moved():
        now = net.state_dict()
        parts = {name.split(".")[0] for name in now if not torch.equal(now[name], kept[name])}
        kept.update({name: tensor.clone() for name, tensor in now.items()})
        return parts

    for step, (batch, _) in enumerate(feed(0)):
        outcome = learner.step(batch, 1e-3, step).outcome
        if step < STEPS:
            assert moved() == {"backbone"}
            assert float(outcome.response_loss) == 0
        else:
            expected = {"filter_layer", "reduction"} | ({"backbone"} if factor == "0.5" else set())
            assert moved() == expected
            assert float(outcome.response_loss) > 0
            assert not net.backbone.training  # statistics of the images are those of the distillation
        assert (float(outcome.imitation_loss) > 0) == (step < STEPS or factor == "0.5")


def test_a_backbone_of_rate_0_stays_as_it_is_with_its_statistics(clips, teacher):
    chosen = settings(clips, *DISTIL, f"--model.initial={teacher}", "--optimiser.backbone-factor=0")
    training, feed = build_training(chosen, None, ALONE)
    learner, net = training.learner, training.learner.objective.net
    kept = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    for step, (batch, _) in enumerate(feed(0)):
        learner.step(batch, 1e-3, step)
    moved = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, kept[name])}
    assert {name.split(".")[0] for name in moved} == {"filter_layer", "reduction"}
    assert not net.backbone.training


def test_what_is_left_unexplained_falls(clips, teacher):
    chosen = tiny(clips, teacher, "--steps=60", "--distillation.steps=50", "--no-photometric")
    training, feed = build_training(chosen, None, ALONE)
    shares = []
    for step, (batch, _) in enumerate(feed(0)):
        if step == 50:
            break
        shares.append(training.learner.step(batch, 3e-3, step).outcome.unexplained.mean())
    assert torch.stack(shares[-10:]).mean() < 0.6 * torch.stack(shares[:5]).mean()


def test_windows_move_the_boxes_along_and_differ_from_step_to_step(clips, teacher):
    training, feed = build_training(tiny(clips, teacher), None, ALONE)
    batch, _ = next(iter(feed(0)))
    places = set()
    for number in range(6):
        part = training.learner._windows(batch, number)
        x, y = (batch.search_bbox - part.search_bbox)[0, :2].int().tolist()
        places.add((x, y))
        assert torch.equal(part.search, batch.search[..., y : y + 48, x : x + 48])
        assert torch.equal(part.template_bbox[:, 2:], batch.template_bbox[:, 2:])
    assert len(places) > 2


def test_a_run_that_is_killed_in_either_stage_goes_on_bit_for_bit(clips, teacher, tmp_path, monkeypatch):
    chosen = tiny(clips, teacher, "--checkpoint-every=2", "--optimiser.backbone-factor=0.5")
    train(chosen, tmp_path / "whole")
    for killed_at in (4, 6):
        folder, save = tmp_path / f"killed{killed_at}", Training.save

        def save_and_die(self, save=save, killed_at=killed_at):
            save(self)
            if self.step == killed_at:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Training, "save", save_and_die)
            with pytest.raises(KeyboardInterrupt):
                train(chosen, folder)
        train(chosen, folder, resume=True)
        assert_same_run(folder, tmp_path / "whole")


def test_the_teacher_is_in_no_checkpoint(clips, teacher):
    chosen = tiny(clips, teacher)
    training, _ = build_training(chosen, None, ALONE)
    plain = build_learner(copy.deepcopy(chosen), ALONE)
    assert training.learner.objective.state_dict().keys() == plain.objective.state_dict().keys()


def test_what_cannot_be_is_refused_before_anything_is_written(clips, teacher, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"teacher's file does not exist: none\.onnx"):
        train(settings(clips, *DISTIL, "--teacher=none.onnx"), tmp_path / "run")
    with pytest.raises(ValueError, match="less than the whole run's 8 steps, got 8"):
        train(tiny(clips, teacher, "--distillation.steps=8"), tmp_path / "run")
    with pytest.raises(ValueError, match=r"lack .*Compact"):
        train(
            tiny(clips, teacher, "--model.backbone=compact", "--model.widths", "4", "8"), tmp_path / "other"
        )
    assert not (tmp_path / "run").exists()


def test_without_boxes_images_are_enough(clips, teacher):
    chosen = tiny(clips, teacher, "--data.sources", f"images:{clips}")
    training, feed = build_training(chosen, None, ALONE)
    batch, _ = next(iter(feed(0)))
    assert float(training.learner.step(batch, 1e-3, 0).outcome.imitation_loss) > 0


@pytest.mark.slow
def test_two_processes_distil_like_one(clips, teacher, tmp_path):
    more = [*DISTIL, f"--teacher={teacher}", "--optimiser.name=sgd", "--log-every=1", "--no-photometric"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    for launcher, name in (([], "one"), (torchrun, "two")):
        command = [sys.executable, *launcher, "-m", "experiments"]
        command += options(clips, "--output", str(tmp_path / name), *more)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    one, two = metrics(tmp_path / "one"), metrics(tmp_path / "two")
    assert len(one) == len(two)
    # Each process normalises by its own half of the batch, so that they agree at the first step and roughly after.
    assert two[0]["imitation_loss"] == pytest.approx(one[0]["imitation_loss"], rel=0.2)
    assert two[-2]["response_loss"] == pytest.approx(one[-2]["response_loss"], rel=0.5)


@pytest.mark.slow
def test_two_processes_leave_a_backbone_of_rate_0_alone(clips, teacher, tmp_path):
    more = [
        *DISTIL,
        f"--model.initial={teacher}",
        "--optimiser.backbone-factor=0",
        "--output",
        str(tmp_path / "run"),
    ]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*torchrun, "-m", "experiments", *options(clips, *more)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
