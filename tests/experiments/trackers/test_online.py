"""Presets that stand for a loss get it from the command line, and the benchmark records it."""

import json

import pytest
from torch import nn

from experiments.trackers.by_name import settings_of
from experiments.trackers.online import ONLINE_LOSSES, load_with_loss
from losses.shrinkage import Shrinkage
from tracker import IdentityTracker, list_trackers


@pytest.mark.parametrize(("name", "importance"), [("dslt-paper", "exp"), ("dslt-code", "dslt_code")])
def test_a_preset_gets_its_shrinkage_loss(name, importance):
    criterion = load_with_loss(name, backbone="hog+color").criterion
    assert isinstance(criterion, Shrinkage)
    assert (criterion.a, criterion.c, criterion.importance) == (10.0, 0.2, importance)
    assert criterion.reduction == "sum"


def test_another_loss_may_be_asked_for():
    asked = nn.MSELoss(reduction="sum")
    assert load_with_loss("dslt-paper", backbone="hog+color", criterion=asked).criterion is asked


def test_other_trackers_get_nothing():
    assert isinstance(load_with_loss("identity"), IdentityTracker)
    assert set(ONLINE_LOSSES) < set(list_trackers())


def test_loss_solver_and_features_are_part_of_what_decides_the_boxes():
    settings = settings_of(load_with_loss("dslt-code", backbone="hog+color"))
    assert settings["criterion"]["importance"] == "dslt_code"
    assert settings["solver"]["frozen_correction"] is True
    assert settings["features"]["level_settings"]["fusion"] == (0.8, 0.2)
    json.dumps(settings)
