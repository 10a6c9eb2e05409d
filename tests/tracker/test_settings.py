"""Settings: made from keywords, and told in full, so that a stored result says what it depends on."""

import json
from dataclasses import dataclass, fields

import pytest
import torch
from torch import nn

from losses import build_loss
from tests.material.checkpoints import write
from tracker import load_tracker
from tracker.settings import Configured, check_known, describe, make, tensors_sha256


@dataclass(frozen=True)
class Search:
    crop_size: int = 200
    fusion: tuple[float, float] = (1.0, 0.0)


def test_a_part_takes_its_own_settings_and_its_defaults():
    assert make(Search, {"crop_size": 96, "num_scales": 1}) == Search(96)


def test_an_unknown_setting_gets_the_nearest_name():
    check_known({"crop_size": 1, "filter": "ridge"}, [Search], others=["filter"])
    with pytest.raises(
        ValueError, match=r"'crop_sise': did you mean 'crop_size'\? settings are crop_size, fu"
    ):
        check_known({"crop_sise": 1}, [Search])


def test_a_description_is_json_and_tells_every_field():
    assert describe(Search(96)) == {"class": "Search", "crop_size": 96, "fusion": [1.0, 0.0]}
    with pytest.raises(TypeError, match="cannot record a object"):
        describe([object()])


def test_a_checksum_is_of_values_names_and_shapes_whatever_the_memory_format():
    weight = torch.arange(24.0).view(1, 2, 3, 4)
    same = tensors_sha256({"a": weight.to(memory_format=torch.channels_last), "b": torch.tensor(1)})
    assert tensors_sha256({"b": torch.tensor(1), "a": weight}) == same
    for other in (
        {"a": weight},
        {"a": weight + 1e-6, "b": torch.tensor(1)},
        {"a": weight.view(2, 12), "b": torch.tensor(1)},
    ):
        assert tensors_sha256(other) != same
    assert tensors_sha256({}) is None


CASES = {
    "fast": {},
    "gray": {},
    "hog": {"filter": "ridge", "crop_size": 96},
    "identity": {},
    "dslt": {"backbone": "hog+color", "solver": "adam", "fusion": (0.8, 0.2)},
}


@pytest.mark.parametrize("name", CASES)
def test_every_tracker_tells_the_same_settings_each_time_and_as_json(name):
    tracker = load_tracker(name, **CASES[name])
    assert isinstance(tracker, Configured)
    told = tracker.settings()
    assert json.loads(json.dumps(told)) == told
    assert told == load_tracker(name, **CASES[name]).settings()
    assert told["class"] == type(tracker).__name__
    assert told["version"] == {"identity": 1, "dslt": 1}.get(name, 2)


def test_each_part_of_a_tracker_is_told():
    told = load_tracker("hog", filter="ridge", crop_size=96).settings()
    assert told["search"]["crop_size"] == 96
    assert told["filter"] == {"class": "RidgeFilter", "regularisation": 1000.0}
    parts = told["extractor"]["backbone"]["parts"]
    assert [part["class"] for part in parts] == ["HOG", "Color"]
    told = load_tracker(
        "dslt", backbone="hog+color", solver="adam", criterion=build_loss("shrinkage", c=0.3)
    ).settings()
    assert told["solver"]["class"] == "AdamSolver"
    assert told["criterion"]["text"] == "Shrinkage(a=10.0, c=0.3, importance='exp', reduction='mean')"


NUMBERS = {
    "hog": [
        "crop_size",
        "search_area_scale",
        "lost_score",
        "predict_from",
        "num_scales",
        "scale_step",
        "tried_scale_step",
        "scale_interval",
        "output_sigma_factor",
        "interp_factor",
        "update_interval",
        "memory_size",
        "update_gate",
        "reuse_within",
        "regularisation",
        "first_iterations",
        "iterations",
        "max_channels",
    ],
    "dslt": [
        "crop_size",
        "search_area_scale",
        "lost_score",
        "num_scales",
        "scale_step",
        "tried_scale_step",
        "scale_gate",
        "scale_rate",
        "output_sigma_factor",
        "regularisation",
        "memory_size",
        "first_weight",
        "update_interval",
        "update_gate",
        "augment",
        "motion_sigma_factor",
        "stretch",
        "channels",
        "seed",
        "first_steps",
        "steps",
    ],
}
OTHER = {
    "crop_size": 120,
    "num_scales": 5,
    "memory_size": 3,
    "max_channels": 4,
    "augment": True,
    "stretch": True,
    "first_steps": 7,
    "steps": 3,
    "channels": 5,
    "seed": 9,
    "update_interval": 5,
    "scale_interval": 3,
    "first_iterations": 3,
    "iterations": 1,
    "search_area_scale": 3.0,
    "scale_step": 1.05,
    "tried_scale_step": 1.01,
}


@pytest.mark.parametrize(("name", "setting"), [(name, one) for name, of in NUMBERS.items() for one in of])
def test_another_setting_is_another_record(name, setting):
    """Of every setting that a command or a script may change: what a result depends on is never left out."""
    plain = {} if name == "hog" else {"backbone": "hog+color"}
    changed = load_tracker(name, **plain, **{setting: OTHER.get(setting, 0.123)})
    assert changed.settings() != load_tracker(name, **plain).settings()


def test_the_settings_listed_here_are_all_there_are():
    tracker = load_tracker("hog")
    parts = (tracker.search, tracker.motion, tracker.scale, tracker.learning, tracker.model)
    names = {field.name for part in parts for field in fields(part)} | {"max_channels"}
    assert names - {"initial"} == set(NUMBERS["hog"])
    tracker = load_tracker("dslt", backbone="hog+color")
    parts = (tracker.search, tracker.response, tracker.scale, tracker.learning, tracker.solver)
    names = {field.name for part in (*parts, tracker.features.level_settings) for field in fields(part)}
    assert names - {"padding", "reduction", "reduction_kernel", "fusion"} == set(NUMBERS["dslt"])


def test_other_weights_are_another_record(tmp_path):
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    net = write(first)
    write(second, **{"backbone.layers.0.bias": net.state_dict()["backbone.layers.0.bias"] + 1e-3})
    told = [load_tracker(str(file)).settings() for file in (first, second)]
    assert told[0] != told[1]
    assert load_tracker(net).settings() == told[0]


def test_a_filter_to_start_from_and_a_loss_with_weights_of_its_own_are_recorded():
    plain, started = (load_tracker("hog", initial=initial) for initial in (None, torch.ones(3, 2, 2)))
    assert plain.settings() != started.settings()
    assert describe(nn.Linear(1, 1))["sha256"] != describe(nn.Linear(1, 1))["sha256"]
