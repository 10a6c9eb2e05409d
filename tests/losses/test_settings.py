"""Response and label become what a loss of each setting takes."""

import math

import pytest
import torch

from losses.settings import easy_background_share, in_the_setting, predicted

RESPONSE = torch.tensor([[[[0.0, 0.5], [1.0, 0.2]]]])
LABEL = torch.tensor([[[[0.0, 0.25], [0.5, 0.25]]]])


def test_regression_takes_them_as_they_are():
    assert in_the_setting("regress", RESPONSE, LABEL) == (RESPONSE, LABEL)
    assert predicted("regress", RESPONSE) is RESPONSE


def test_logits_are_one_half_where_the_response_is_and_the_label_has_a_positive():
    logits, label = in_the_setting("binary", RESPONSE, LABEL)
    torch.testing.assert_close(logits, 10 * RESPONSE - 5)
    torch.testing.assert_close(label, LABEL * 2)
    assert predicted("binary", logits)[0, 0, 0, 1] == 0.5


def test_a_map_is_a_distribution():
    logits, density = in_the_setting("spatial", RESPONSE, LABEL, 3.0)
    torch.testing.assert_close(logits, 3 * RESPONSE)
    assert density.sum() == 1
    weights = [math.exp(3 * value) for value in (0.0, 0.5, 1.0, 0.2)]
    expected = torch.tensor(weights).view(1, 1, 2, 2) / sum(weights)
    torch.testing.assert_close(predicted("spatial", logits), expected)


def test_an_empty_label_stays_finite():
    for setting in ("binary", "spatial"):
        assert in_the_setting(setting, RESPONSE, torch.zeros_like(LABEL))[1].eq(0).all()


def test_the_share_of_easy_background():
    loss = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    prediction = torch.tensor([[[[0.05, 0.3], [0.5, 0.25]]]])  # the first alone is background and right
    assert easy_background_share(loss, prediction, LABEL) == pytest.approx(0.1)
    assert math.isnan(easy_background_share(loss.sum((1, 2, 3)), prediction, LABEL))
    assert math.isnan(easy_background_share(0 * loss, prediction, LABEL))
