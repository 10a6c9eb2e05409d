"""Losses of every setting on the response, against formulas written out by hand in float64."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from experiments.train.objective import PairObjective
from losses import build_loss
from losses.settings import easy_background_share
from tracker.network.regression_net import NetworkOutput


class Fixed(nn.Module):
    """Answers with a given response; its labels are given too."""

    def __init__(self, response, label):
        super().__init__()
        self.response, self.fixed_label = nn.Parameter(response), label

    def forward(self, template, template_bbox, search):
        return NetworkOutput(self.response, None, None)

    def label(self, bbox, template_bbox, size_hw):
        return self.fixed_label


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    response = rng.normal(0.2, 0.3, (2, 1, 5, 5))
    label = rng.uniform(0, 0.9, (2, 1, 5, 5)) ** 4
    return torch.tensor(response, dtype=torch.float32), torch.tensor(label, dtype=torch.float32)


def outcome(maps, name, **arguments):
    nothing = torch.zeros(2, 4)
    return PairObjective(Fixed(*maps), build_loss(name, reduction="none", **arguments))(*[nothing] * 4)


def test_regress_takes_the_response_as_it_is(maps):
    response, label = (one.double().numpy() for one in maps)
    found = outcome(maps, "l2")
    assert found.loss.item() == pytest.approx(((response - label) ** 2).mean(), rel=1e-5)
    np.testing.assert_allclose(found.sample_loss, ((response - label) ** 2).sum((1, 2, 3)), rtol=1e-5)
    assert torch.equal(found.prediction, maps[0])


def test_binary_takes_ten_times_the_response_minus_five_and_a_label_with_a_positive(maps):
    response, label = (one.double().numpy() for one in maps)
    label = label / label.max((2, 3), keepdims=True)
    p = 1 / (1 + np.exp(-(10 * response - 5)))
    expected = -(label * np.log(p) + (1 - label) * np.log(1 - p)).mean()
    found = outcome(maps, "bce")
    assert found.loss.item() == pytest.approx(expected, rel=1e-4)
    np.testing.assert_allclose(found.prediction.detach(), p, rtol=1e-4, atol=1e-6)


def test_the_scale_of_logits_is_learned(maps):
    objective = PairObjective(Fixed(*maps), build_loss("bce", reduction="none"))
    objective(*[torch.zeros(2, 4)] * 4).loss.backward()
    assert objective.log_scale.grad != 0
    assert objective.bias.grad != 0


def test_spatial_is_a_softmax_over_the_map_against_a_density(maps):
    response, label = (one.double().numpy().reshape(2, -1) for one in maps)
    density = label / label.sum(1, keepdims=True)
    scores = 10 * response
    logarithm = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    found = outcome(maps, "spatial-ce")
    assert found.loss.item() == pytest.approx(-(density * logarithm).sum(1).mean(), rel=1e-4)
    assert math.isnan(easy_background_share(found.location_loss, found.prediction, found.label))


def test_a_loss_that_counts_its_own_samples_is_divided_by_them(maps):
    """Focal with ``num_pos``: alpha_t (1 - p_t)^gamma BCE over the cells whose label is above one half."""
    response, label = (one.double().numpy() for one in maps)
    label = label / label.max((2, 3), keepdims=True)
    p = 1 / (1 + np.exp(-(10 * response - 5)))
    found = outcome(maps, "quality-focal", beta=0.0)
    bce = -(label * np.log(p) + (1 - label) * np.log(1 - p))
    assert found.loss.item() == pytest.approx(bce.mean(), rel=1e-4)
    found = outcome(maps, "focal", gamma=0.0, alpha=None, normalizer="num_pos")
    assert found.loss.item() == pytest.approx(bce.sum() / (label > 0.5).sum(), rel=1e-4)


def test_share_of_easy_background():
    """Errors .05 (easy), .2 (background, not easy) and .1 on the target: .0025 of .0025 + .04 + .01."""
    response = torch.tensor([0.05, 0.2, 0.9]).view(1, 1, 1, 3)
    label = torch.tensor([0.0, 0.0, 1.0]).view(1, 1, 1, 3)
    found = PairObjective(Fixed(response, label), build_loss("l2", reduction="none"))(
        *[torch.zeros(1, 4)] * 4
    )
    assert easy_background_share(found.location_loss, found.prediction, found.label) == pytest.approx(
        0.0025 / 0.0525, rel=1e-5
    )
