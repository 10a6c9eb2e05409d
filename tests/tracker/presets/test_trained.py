"""A trained network by name: the one that is shipped, another file, and settings that contradict it."""

import math

import pytest

from tests.material.checkpoints import SETTINGS
from tracker import load_tracker
from tracker.network.regression_net import build_regression_net
from tracker.presets.trained import SHIPPED


@pytest.mark.parametrize(("name", "has_head"), [("fast", True), ("compact", False)])
def test_a_name_is_its_shipped_checkpoint(name, has_head):
    file = str(SHIPPED / f"{name}.safetensors")
    told = load_tracker(name).settings()
    assert told == load_tracker(file).settings() == load_tracker(name, weights=file).settings()
    assert (told["box"] is not None) == has_head


def test_fast_without_its_head_searches_the_size_among_crops():
    assert load_tracker("fast", box_head=False).settings()["box"] is None


def test_fast_has_the_features_of_its_checkpoint():
    with pytest.raises(ValueError, match="got backbone='gray' as well"):
        load_tracker("fast", backbone="gray")


def test_accurate_sees_what_fast_sees_and_gradients_and_colour():
    told = load_tracker("accurate").settings()
    assert told["extractor"]["max_channels"] == 16
    assert load_tracker("accurate").extractor.backbone.blocks[-3:] == (16, 24, 48)


@pytest.mark.parametrize("name", ["ridge", "spatial"])
def test_the_learned_regularisation_is_that_of_the_same_filter(name):
    net = build_regression_net(**{**SETTINGS, "filter": name, "box_head": False})
    net.filter_layer.log_regularisation.data.fill_(math.log(7.0))
    learned = {
        filter: load_tracker(net, filter=filter).settings()["filter"]["regularisation"]
        for filter in ("ridge", "spatial")
    }
    usual = {"ridge": 1e3, "spatial": 0.4}
    assert learned == pytest.approx({**usual, name: 7.0})
    told = load_tracker(net, filter=name, regularisation=2.0).settings()
    assert told["filter"]["regularisation"] == 2.0
