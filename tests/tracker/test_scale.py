"""The search for scale: given scores, the factor is the vertex of their parabola."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tracker.response import parabola_vertex
from tracker.scale import ScaleSearch, ScaleSettings

IMAGE = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)


class Scores:
    """An extractor that answers with given scores, one a crop, and remembers the crops."""

    backbone = SimpleNamespace(stride=4)

    def __init__(self, *scores):
        self.scores = torch.tensor(scores)

    def __call__(self, images):
        self.images = images
        cells = images.shape[-1] // 4
        return self.scores.view(-1, 1, 1, 1).expand(-1, 1, cells, cells)


def factor(extractor, **settings):
    model = SimpleNamespace(support=(slice(23, 27), slice(22, 28)), weights=torch.ones(1, 4, 6))
    search = ScaleSearch(ScaleSettings(**settings))
    return search.search(IMAGE, np.array([80.0, 60.0]), 2.0, model, extractor, torch.ones(50, 50))


@pytest.mark.parametrize("scores", [(1.0, 3.0, 2.0), (2.0, 3.0, 1.0), (2.0, 3.0, 2.0)])
def test_the_factor_is_a_step_to_the_power_of_the_vertex(scores):
    assert factor(Scores(*scores), scale_step=1.05) == pytest.approx(1.05 ** parabola_vertex(*scores))


@pytest.mark.parametrize(("scores", "exponent"), [((3.0, 2.0, 1.0), -1), ((1.0, 2.0, 3.0), 1)])
def test_the_best_size_at_an_end_is_taken_as_it_is(scores, exponent):
    assert factor(Scores(*scores), scale_step=1.05) == pytest.approx(1.05**exponent)


def test_a_single_size_looks_at_nothing():
    extractor = Scores(1.0)
    assert factor(extractor, num_scales=1) == 1.0
    assert not hasattr(extractor, "images")


def test_the_tried_step_decides_the_crops_and_not_the_outcome():
    plain, tried = Scores(1.0, 2.0, 3.0), Scores(1.0, 2.0, 3.0)
    assert factor(plain, scale_step=1.05) == factor(tried, scale_step=1.05, tried_scale_step=1.006)
    spread = [float((extractor.images[2] - extractor.images[1]).abs().mean()) for extractor in (plain, tried)]
    assert 0 < spread[1] < spread[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_scales": 2}, "num_scales must be odd"),
        ({"scale_step": 1.0}, "scale_step must be > 1"),
        ({"tried_scale_step": 0.9}, "tried_scale_step must be > 1"),
    ],
)
def test_settings_out_of_range_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        ScaleSettings(**settings)
