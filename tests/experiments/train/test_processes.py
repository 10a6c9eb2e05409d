"""Training in processes of their own: several together, and killed at any moment."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.material.tiny_training import assert_same_run, metrics, options, write_clips

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
ALONE = [sys.executable]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


def start(launcher, clips, folder, *more, **streams):
    command = [*launcher, "-m", "experiments", *options(clips, "--output", str(folder), *more)]
    return subprocess.Popen(command, env=ENVIRONMENT, start_new_session=True, text=True, **streams)


def run(launcher, clips, folder, *more):
    process = start(launcher, clips, folder, *more, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


REAL_NET = [
    *("--model.widths=None", "--model.fixed=hog+color", "--data.crop-size=64"),
    *("--log-every=1", "--validation.every=0"),
]


@pytest.mark.parametrize("loss", ["ghm-r", "gaussian-focal"])
def test_two_processes_follow_the_curve_of_one(clips, tmp_path, loss):
    """The real network, every step; with SGD, as Adam makes a step of full size of a gradient that is rounding."""
    more = [f"--loss.name={loss}", *REAL_NET, "--optimiser.name=sgd", "--optimiser.rate=0.01"]
    run(ALONE, clips, tmp_path / "one", *more)
    run(TORCHRUN, clips, tmp_path / "two", *more)
    one, two = metrics(tmp_path / "one"), metrics(tmp_path / "two")
    assert len(one) == len(two) == 9
    for alone, together in zip(one, two, strict=True):
        for name in alone.keys() - {"easy_background_share", "part", "ao"}:
            # A cell whose error rounding moves over the edge of a bin has another weight in GHM's gradient.
            tolerance = 1e-4 if (loss, name) == ("ghm-r", "gradient_norm") else 1e-5
            assert together[name] == pytest.approx(alone[name], rel=tolerance, abs=tolerance), (
                alone["step"],
                name,
            )
    assert one[0]["loss"] != pytest.approx(one[-2]["loss"], rel=1e-2)  # something was learned


def test_killed_at_random_moments_the_run_ends_bit_for_bit_as_if_it_had_not_been(clips, tmp_path):
    """In two processes; one process alone is killed at its changes of files in tests/robustness/test_kills.py."""
    more = ["--steps=40", "--checkpoint-every=2", "--validation.every=7", "--data.workers=1"]
    run(TORCHRUN, clips, tmp_path / "whole", *more)
    chance = random.Random(0)
    kills = 0
    for _ in range(2):
        process = start(
            TORCHRUN,
            clips,
            tmp_path / "parts",
            *more,
            "--resume",
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for line in process.stdout:
            if "step" in line:  # it has read the checkpoint and begins
                break
        time.sleep(chance.uniform(0, 1.5))
        kills += process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert kills >= 1, "the run was over before it could be killed"
    run(TORCHRUN, clips, tmp_path / "parts", *more, "--resume")
    assert_same_run(tmp_path / "parts", tmp_path / "whole")
    assert not list((tmp_path / "parts").glob(".*.partial*"))


@pytest.mark.parametrize("launcher", [ALONE, TORCHRUN], ids=["one process", "two processes"])
def test_sigterm_leaves_a_checkpoint_and_status_130(clips, tmp_path, launcher):
    process = start(
        launcher, clips, tmp_path / "run", "--steps=100000", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    for line in process.stdout:
        if line.startswith("step "):
            break
    process.terminate()
    said = process.communicate(timeout=60)[0]
    assert "stopped after step" in said
    assert (tmp_path / "run" / "last.pt").is_file()
    if launcher is ALONE:
        assert process.returncode == 130


def test_a_mistake_is_one_line_in_every_process(clips, tmp_path):
    process = start(
        TORCHRUN, clips, tmp_path, "--batch-size=3", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said = process.communicate(timeout=100)[0]
    assert process.returncode != 0
    assert "error: batch_size must be a multiple of 2 (processes x compute.accumulation), got 3" in said
