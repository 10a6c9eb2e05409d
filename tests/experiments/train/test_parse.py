"""Options of a training run: defaults < file < command line, one parser, and messages that help."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from experiments.__main__ import main
from experiments.config_file import differences, read_config
from experiments.train.command import Train
from experiments.train.settings import TrainingSettings, as_mapping

CONFIGS = Path(__file__).resolve().parents[3] / "experiments/configs"


@pytest.fixture
def config(tmp_path):
    def write(text):
        file = tmp_path / "run.yaml"
        file.write_text(text)
        return f"--config={file}"

    return write


def settings(*options):
    return as_mapping(Train.parse(options, "train").settings)


def test_defaults_then_file_then_command_line(config):
    file = config(
        "steps: 7\noptimiser: {rate: 0.5, clip: 2}\nloss: {name: shrinkage, a: 3}\ndata: {workers: 0}"
    )
    assert settings()["optimiser"]["rate"] == 3e-3
    found = settings("--optimiser.rate=0.25", file, "--loss.c", "0.4")
    assert (found["steps"], found["batch_size"]) == (7, TrainingSettings.batch_size)
    assert (found["optimiser"]["rate"], found["optimiser"]["clip"]) == (0.25, 2)
    assert found["loss"] == {"name": "shrinkage", "a": 3, "c": 0.4, "importance": "exp"}


def test_all_kinds_of_values_in_a_file(config):
    file = config(
        "model: {widths: [4, 8], fixed: null, box_head: false}\ndata: {sources: ['synthetic::2']}\n"
        "compute: {compile: true}\noptimiser: {rate: 1e-2, milestones: [5, 9]}\nvalidation: {clips: []}"
    )
    found = settings(file)
    assert (found["model"]["widths"], found["model"]["fixed"], found["model"]["box_head"]) == (
        [4, 8],
        None,
        False,
    )
    assert found["data"]["sources"] == ["synthetic::2"]
    assert found["compute"]["compile"] is True
    assert (found["optimiser"]["rate"], found["optimiser"]["milestones"]) == (0.01, [5, 9])
    assert settings(file, "--compute.no-compile")["compute"]["compile"] is False
    again = config(yaml.safe_dump(found))
    assert settings(again) == found


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--loss.name=focal", "--loss.alpha=None", "--loss.gamma=1.5"), {"gamma": 1.5, "alpha": None}),
        (("--loss.name", "label-smoothing"), {"setting": "binary", "prior": None}),
        (("--loss.name=label-smoothing", "--loss.setting=spatial"), {"setting": "spatial"}),
        (("--loss.name=seql", "--loss.counts", "1", "2"), {"counts": [1, 2], "setting": "spatial"}),
        (("--loss.name=spatial-ce",), {"name": "spatial-ce"}),
    ],
)
def test_any_loss_of_response_maps_with_its_own_arguments(options, expected):
    assert expected.items() <= settings(*options)["loss"].items()


def test_a_new_loss_in_one_file_is_on_the_command_line(monkeypatch):
    from losses import ModulatedLoss, registry

    class Tilted(ModulatedLoss):
        """Tilted squares.

        Args:
            tilt: how far.
        """

        def __init__(self, tilt: float = 2.0, *, reduction: str = "mean") -> None:
            super().__init__(reduction=reduction)
            self.tilt = tilt

    monkeypatch.setitem(registry._LOSSES, "tilted", Tilted)
    assert settings("--loss.name", "tilted", "--loss.tilt", "4")["loss"] == {"name": "tilted", "tilt": 4.0}


def test_another_loss_than_the_file_s_starts_from_its_own_defaults(config):
    assert settings(config("loss: {a: 3}"), "--loss.name=l2")["loss"] == {"name": "l2"}
    file = config(
        "loss: {name: shrinkage, a: 3, c: 0.1}\nmodel: {iterations: 2, filter: spatial, widths: [4, 8]}"
    )
    model = settings(file, "--model.filter=ridge")["model"]
    assert (model["regularisation"], model["widths"], "iterations" in model) == (1e3, [4, 8], False)
    assert settings(file, "--loss.name=l2")["loss"] == {"name": "l2"}
    assert settings(file, "--loss.name=shrinkage-bce")["loss"] == {"name": "shrinkage-bce", "a": 10, "c": 0.2}


def test_a_file_builds_on_its_base(config, tmp_path):
    (tmp_path / "lowest.yaml").write_text("steps: 7\nseed: 5\nloss: {name: shrinkage, a: 3}")
    (tmp_path / "middle.yaml").write_text(
        "base: lowest.yaml\noptimiser: {rate: 0.5, clip: 2}\nloss: {c: 0.1}"
    )
    found = settings(config("base: middle.yaml\nsteps: 9\noptimiser: {clip: 4}"))
    assert (found["steps"], found["seed"]) == (9, 5)
    assert (found["optimiser"]["rate"], found["optimiser"]["clip"]) == (0.5, 4)
    assert (found["loss"]["a"], found["loss"]["c"]) == (3, 0.1)
    assert settings(config("base: middle.yaml\nloss: {name: l2}"))["loss"] == {"name": "l2"}


@pytest.mark.parametrize(
    ("base", "message"), [("run.yaml", "builds on itself"), ("nowhere.yaml", "nowhere.yaml (base of")]
)
def test_a_base_that_is_none(config, base, message, capsys):
    assert status_of(["train", config(f"base: {base}")]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "first", "second"),
    [
        (["--loss.name", "shrinkag"], "unknown loss 'shrinkag'", "did you mean 'shrinkage'"),
        (["--loss.name", "ce"], "loss 'ce' cannot train a response map", "shrinkage, l2, focal"),
        (["--model.filter", "rigde"], "unknown filter layer 'rigde': did you mean 'ridge'", ""),
        (
            ["--loss.aa", "3"],
            "unknown option --loss.aa: did you mean --loss.a?",
            "--loss.importance (default exp)",
        ),
        (
            ["--model.iterations=2"],
            "unknown option --model.iterations: did you mean --model.regularisation?",
            "",
        ),
        (["--loss.a", "ten"], "--loss.a must be a number, got 'ten'", ""),
        (["--loss.name=ghm-r", "--loss.bins=1.5"], "--loss.bins must be a whole number, got 1.5", ""),
        (["--optimiser.rat", "3"], "Unrecognized options: --optimiser.rat", "--optimiser.rate"),
        (["--steps", "many"], "Error parsing --steps", "many"),
        (["--config", "nowhere.yaml"], "config file nowhere.yaml does not exist", ""),
    ],
)
def test_mistakes_on_the_command_line(options, first, second, capsys):
    assert status_of(["train", *options]) == 2
    said = capsys.readouterr().err
    assert first in said
    assert second in said


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("optimiser: {rat: 1}", "--optimiser.rat", "--optimiser.rate"),
        ("optimizer: {rate: 1}", "--optimizer.rate", "--optimiser.rate"),
        ("steps: 1.5", "Error parsing --steps", ""),
        ("loss: {aa: 1}", "unknown option --loss.aa", "--loss.a"),
        ("compute: {precision: fp15}", "invalid choice 'fp15'", "fp16"),
    ],
)
def test_mistakes_in_a_file_name_it_and_the_key(config, text, first, second, capsys):
    file = config(text)
    assert status_of(["train", file, "--steps=3"]) == 2
    said = capsys.readouterr().err
    assert first in said
    assert second in said
    assert f"that is in the config file {file.partition('=')[2]}" in said


@pytest.mark.parametrize("text", ["- steps", "steps: [", "just text"])
def test_a_file_that_is_no_mapping(config, text, capsys):
    assert status_of(["train", config(text)]) == 2
    assert "run.yaml" in capsys.readouterr().err


def status_of(arguments):
    try:
        return main(arguments)
    except SystemExit as end:
        return end.code


def test_a_resume_reads_the_run_s_own_config(tmp_path):
    (tmp_path / "config.yaml").write_text("steps: 77\nloss: {name: l2}\n")
    found = settings("--output", str(tmp_path), "--resume")
    assert (found["steps"], found["loss"]) == (77, {"name": "l2"})
    assert settings("--output", str(tmp_path))["steps"] == TrainingSettings.steps


def test_differences_name_the_key_and_leave_out_what_only_changes_the_speed():
    before = {"steps": 3, "loss": {"name": "l2"}, "data": {"workers": 1, "seed": 1}}
    now = {"steps": 3, "loss": {"name": "l3", "a": 1}, "data": {"workers": 2, "seed": 1}}
    assert list(differences(before, now)) == [
        "loss.name was 'l2' and is 'l3'",
        "loss.a was 'absent' and is 1",
    ]


def test_numbers_out_of_range_are_refused(capsys):
    for options, expected in [
        (["--steps=0"], "steps must be at least 1, got 0"),
        (["--batch-size=6", "--compute.accumulation=4"], "batch_size must be a multiple of 4"),
        (["--validation.frames=1"], "validation.frames must be at least 2"),
        (["--ema-decay=1"], "ema_decay must be in [0, 1)"),
    ]:
        assert main(["check", "--config", str(CONFIGS / "smoke.yaml"), *options]) == 2
        assert expected in capsys.readouterr().err


def test_check_builds_everything_and_says_what(capsys, tmp_path, monkeypatch):
    """22,040 is 16·(75+1) + 32·(144+1) + 32·(288+1) + 24·(288+1), the four convolutions of recipe B."""
    assert main(["check", "--config", str(CONFIGS / "smoke.yaml"), "--data.workers=0", "--loss.a=7"]) == 0
    said = capsys.readouterr().out
    assert yaml.safe_load(said.partition("---")[0])["loss"]["a"] == 7
    assert "backbone 22,040" in said
    assert "Shrinkage(a=7.0" in said
    assert "loss of the first batch before training: 0." in said


def test_check_of_a_dataset_is_still_there(capsys):
    assert main(["check", "--dataset=folder", "--root=nowhere"]) == 2
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.slow
def test_parsing_other_commands_loads_no_torch():
    code = (
        "import sys, experiments.__main__; print([m for m in ('torch', 'cv2', 'losses') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_config_is_read_and_says_how_to_run_it(file):
    written, found = read_config(file), settings(f"--config={file}")
    assert found["loss"]["name"] == written.get("loss", {}).get("name", "shrinkage")
    if file.stem.startswith("compare"):  # its budget is the command's own
        assert f"python -m experiments compare --config experiments/configs/{file.name}" in file.read_text()
        return
    assert found["steps"] == written["steps"]
    command = f"python -m experiments train --config experiments/configs/{file.name} --output runs/"
    assert command + file.stem in file.read_text()
