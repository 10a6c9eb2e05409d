"""The run: it goes on bit for bit, says what went wrong, and leaves complete files."""

import os
import shutil
import signal

import pytest
import torch

from experiments.__main__ import main
from experiments.runtime.lock import holding
from experiments.train.build import train
from experiments.train.limits import LIMITS
from experiments.train.run_files import load_last
from experiments.train.settings import as_mapping
from experiments.train.step import Learner
from tests.material.tiny_training import assert_same_run, metrics, settings, write_clips
from tracker.network.checkpoint import read_metadata


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def finished(clips, tmp_path_factory):
    """An uninterrupted run's folder."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert train(settings(clips), folder).finished
    return folder


def at_step(monkeypatch, number, act):
    """Do something when step ``number`` (from 0) begins, once."""
    step = Learner.step
    done = []

    def acting(self, batch, rate, now):
        if now == number and not done:
            done.append(now)
            act()
        return step(self, batch, rate, now)

    monkeypatch.setattr(Learner, "step", acting)


def test_a_run_leaves_its_files(finished, clips):
    assert {"last.pt", "best.safetensors", "config.yaml", "metrics.jsonl"} < {
        f.name for f in finished.iterdir()
    }
    assert any(f.name.startswith("events.out.tfevents") for f in finished.iterdir())
    lines = metrics(finished)
    assert [(line["step"], line["part"]) for line in lines] == [
        (2, "train"), (4, "train"), (4, "validation"), (6, "train"), (8, "train"), (8, "validation"),
    ]  # fmt: skip
    best = max((line for line in lines if line["part"] == "validation"), key=lambda line: line["ao"])
    metadata = read_metadata(finished / "best.safetensors")
    assert (metadata["step"], metadata["scores"]) == (best["step"], {"ao": best["ao"]})
    assert metadata["config"] == as_mapping(settings(clips))
    assert load_last(finished)["best"] == best["ao"]


@pytest.mark.parametrize("killed_in", [0, 4, 7])
def test_a_killed_run_goes_on_bit_for_bit(clips, finished, tmp_path, monkeypatch, killed_in):
    class Killed(BaseException):
        pass

    def die():
        raise Killed

    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        at_step(patch, killed_in, die)
        with pytest.raises(Killed):
            train(settings(clips), folder)
    torch.rand(5)  # another process starts with other random numbers
    assert train(settings(clips), folder, resume=True).finished
    assert_same_run(folder, finished)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_with_a_checkpoint_and_it_goes_on(
    clips, finished, tmp_path, monkeypatch, number
):
    folder = tmp_path / "run"
    handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        at_step(patch, 4, lambda: os.kill(os.getpid(), number))
        assert not train(settings(clips), folder).finished
    assert load_last(folder)["step"] == 5
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == handlers
    assert train(settings(clips), folder, resume=True).finished
    assert_same_run(folder, finished)


def test_a_second_interrupt_is_obeyed_at_once(clips, tmp_path, monkeypatch):
    def press_twice():
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)

    at_step(monkeypatch, 4, press_twice)
    with pytest.raises(KeyboardInterrupt):
        train(settings(clips), tmp_path / "run")


@pytest.mark.parametrize("more", [["--loss.name=ghm-c", "--loss.momentum=0.5"], ["--compute.precision=fp16"]])
def test_state_of_loss_and_scaler_is_resumed(clips, tmp_path, monkeypatch, more):
    options = settings(clips, "--optimiser.name=sgd", "--optimiser.rate=0.01", *more)
    assert train(options, tmp_path / "whole").finished
    with monkeypatch.context() as patch:
        at_step(patch, 4, lambda: os.kill(os.getpid(), signal.SIGTERM))
        assert not train(options, tmp_path / "parts").finished
    assert train(options, tmp_path / "parts", resume=True).finished
    assert_same_run(tmp_path / "parts", tmp_path / "whole")


def poison(monkeypatch, number, pair):
    """Make the box of a pair NaN in step ``number``, behind the loader's back; which pairs it was is returned."""
    to_device, poisoned_pairs = Learner._to_device, []

    def poisoned(self, batch, now):
        if now == number:
            batch.search_bbox[pair] = torch.nan
            poisoned_pairs.append(batch.sources[pair])
        return to_device(self, batch, now)

    monkeypatch.setattr(Learner, "_to_device", poisoned)
    return poisoned_pairs


def test_nan_stops_with_step_rate_and_pair_and_is_not_saved(clips, tmp_path, monkeypatch):
    drawn = poison(monkeypatch, 4, 2)
    with pytest.raises(RuntimeError, match=r"loss nan .* must be finite: step 5, rate 0.00\d+") as caught:
        train(settings(clips), tmp_path / "run")
    assert f"pairs that made it so: {drawn[0]}. Nothing" in str(caught.value)
    assert load_last(tmp_path / "run")["step"] == 3


def test_nan_can_be_skipped(clips, tmp_path, monkeypatch, capsys):
    poison(monkeypatch, 4, 2)
    assert train(settings(clips, "--on-nan=skip"), tmp_path / "run").finished
    assert "left out: loss nan" in capsys.readouterr().out
    state = load_last(tmp_path / "run")
    assert state["learner"]["average"]["updates"] == 7
    assert all(torch.isfinite(tensor).all() for tensor in state["learner"]["objective"].values())


def test_an_exploding_run_says_so(clips, tmp_path, monkeypatch):
    monkeypatch.setitem(
        LIMITS, "optimiser.rate", (0, 1e20)
    )  # a rate that is allowed explodes later, if at all
    with pytest.raises(RuntimeError, match=r"must be finite: step \d, rate 1e\+20, pairs "):
        train(
            settings(clips, "--optimiser.rate=1e20", "--optimiser.warmup=0", "--optimiser.schedule=constant"),
            tmp_path / "run",
        )


@pytest.fixture
def damaged(tmp_path):
    root = write_clips(tmp_path / "clips")
    for number in range(2):
        for image in sorted((root / f"clip{number}/img").iterdir())[:4]:
            image.write_bytes(image.read_bytes()[:40])
    return root


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_corrupt_image_stops_the_run_and_is_named(damaged, tmp_path, workers):
    with pytest.raises(
        RuntimeError, match=r"loading pairs \d+ to \d+ of step \d failed: .*clip\d/(img/)?000\d.jpg"
    ) as caught:
        train(settings(damaged, f"--data.workers={workers}"), tmp_path / "run")
    assert "Traceback" not in str(caught.value)


def test_a_corrupt_image_can_be_skipped(damaged, tmp_path, capsys):
    assert train(settings(damaged, "--data.on-error=skip"), tmp_path / "run").finished
    assert "another pair was drawn" in capsys.readouterr().out


@pytest.mark.slow
def test_a_dead_worker_is_reported(clips, tmp_path, monkeypatch):
    from data.pairs.dataset import PairDataset

    monkeypatch.setattr(
        PairDataset, "__getitems__", lambda self, indices: os.kill(os.getpid(), signal.SIGKILL)
    )
    with pytest.raises(RuntimeError, match=r"loading pairs 0 to 3 of step 1 failed: .*A worker process died"):
        train(settings(clips, "--data.workers=1", "--data.context=fork"), tmp_path / "run")


def test_a_folder_is_not_overwritten_by_accident(clips, finished, tmp_path):
    with pytest.raises(FileExistsError, match="--resume, start anew with --overwrite"):
        train(settings(clips), finished)
    with pytest.raises(ValueError, match="give one of them"):
        train(settings(clips), finished, resume=True, overwrite=True)
    with pytest.raises(
        ValueError, match=r"loss\.c was 0\.2 and is 0\.3; optimiser\.rate was 0\.003 and is 0\.1:"
    ):
        train(settings(clips, "--loss.c=0.3", "--optimiser.rate=0.1"), finished, resume=True)
    (tmp_path / "keep.txt").touch()
    assert train(settings(clips, "--steps=2"), tmp_path, overwrite=True).finished
    assert train(settings(clips, "--steps=1"), tmp_path, overwrite=True).finished
    assert (tmp_path / "keep.txt").exists()
    assert [line["step"] for line in metrics(tmp_path)] == [1, 1]


def test_the_checkpoint_s_own_settings_decide(clips, finished, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    written = (folder / "config.yaml").read_text()
    (folder / "config.yaml").unlink()
    command = ["train", "--resume", "--output", str(folder)]
    assert main([*command, "--seed", "5", "--loss.name", "l2"]) == 2
    said = capsys.readouterr().err
    assert "seed was 0 and is 5" in said
    assert "loss.name was 'shrinkage' and is 'l2'" in said
    assert not (folder / "config.yaml").exists()
    assert main(command) == 0  # the options are read from the checkpoint, and written down again
    assert (folder / "config.yaml").read_text() == written
    (folder / "config.yaml").write_text(written.replace("seed: 0", "seed: 5"))
    assert main(command) == 2
    assert "seed was 0 and is 5" in capsys.readouterr().err


def test_one_training_at_a_time_in_a_folder(clips, tmp_path):
    with (
        holding(tmp_path / "run", "another training"),
        pytest.raises(RuntimeError, match=r"another training is writing into .*run: wait for it"),
    ):
        train(settings(clips), tmp_path / "run", resume=True)
    assert not (tmp_path / "run").exists()


def test_a_run_does_not_go_on_with_other_boxes(clips, tmp_path):
    shutil.copytree(clips, tmp_path / "clips")
    chosen = settings(tmp_path / "clips", "--validation.every=0")
    train(chosen, tmp_path / "run")
    boxes = tmp_path / "clips" / "clip0" / "groundtruth_rect.txt"
    boxes.write_text("9,9,20,20\n" + boxes.read_text().partition("\n")[2])
    with pytest.raises(ValueError, match="made with other data than there are now"):
        train(chosen, tmp_path / "run", resume=True)


def test_a_run_does_not_stay_silent_for_long(clips, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("experiments.train.log.PATIENCE", (0.0, 1e9))
    train(settings(clips, "--log-every=8", "--validation.every=0"), tmp_path / "run")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step")]
    assert lines[0].startswith("step 1/8  step ")
    assert " ms  left 0:" in lines[0]
    assert lines[1].startswith("step 8/8  loss")


def test_resuming_a_finished_run_changes_nothing(clips, finished):
    before = metrics(finished)
    assert train(settings(clips, "--data.workers=0"), finished, resume=True).finished
    assert metrics(finished) == before


def test_a_checkpoint_cannot_run_code(tmp_path):
    class Code:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"step": 1, "learner": Code()}, tmp_path / "last.pt")
    with pytest.raises(ValueError, match="cannot be read"):
        load_last(tmp_path)
    assert not (tmp_path / "ran").exists()
