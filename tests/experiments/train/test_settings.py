"""The settings: their defaults are those of the parts they are for, and they reach these parts."""

import inspect
from dataclasses import asdict

import torch
import yaml

from data.pairs.settings import Appearance
from experiments.train.build import build_learner
from experiments.train.parse import settings_from
from experiments.train.processes import Processes
from experiments.train.run_files import check_folder
from experiments.train.settings import ModelSettings, as_mapping
from tests.material.tiny_training import settings
from tracker.network.regression_net import build_regression_net


def test_defaults_are_those_of_the_parts():
    parameters = inspect.signature(build_regression_net).parameters.values()
    declared = {
        one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY and one.name != "crops"
    }
    assert {**asdict(ModelSettings()), "arguments": None} == {**declared, "arguments": None}


def test_each_strength_of_the_appearance_reaches_the_jitter():
    names = list(asdict(Appearance()))
    options = [f"--data.appearance.{name}=0.{number:02}" for number, name in enumerate(names, 1)]
    learner = build_learner(settings("nowhere", *options), Processes(0, 1, torch.device("cpu")))
    expected = {name: number / 100 for number, name in enumerate(names, 1)}
    assert asdict(learner.jitter.appearance) == expected


def test_a_mapping_describes_its_settings():
    given = settings("nowhere", "--loss.name=focal", "--loss.alpha=None", "--data.appearance.grey=0.5")
    assert settings_from(yaml.safe_load(yaml.safe_dump(as_mapping(given)))) == given


def test_a_run_older_than_an_option_goes_on_if_the_option_has_its_default(tmp_path):
    now = settings_from({})
    written = as_mapping(now)
    del written["data"]["appearance"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(written))
    check_folder(tmp_path, now, resume=True, overwrite=False)
