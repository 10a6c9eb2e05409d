"""Two levels of a network: their reduction, energy and fusion."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tracker.backbones.gray import Gray
from tracker.levels import LevelSettings, TwoLevelFeatures


class Fixed(Gray):
    """A backbone of given maps and blocks, whatever the image."""

    def __init__(self, maps, blocks):
        super().__init__()
        self.maps, self.blocks = maps, blocks

    def forward(self, images):
        return self.maps.expand(len(images), -1, -1, -1)


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([300.0] * 6 + [0.02] * 4).view(1, 10, 1, 1)
    return torch.rand(1, 10, 12, 12, generator=generator) * scale


@pytest.mark.parametrize("reduction", ["pca", "random"])
def test_both_levels_get_unit_energy_whatever_their_scale(maps, reduction):
    features = TwoLevelFeatures(
        Fixed(maps, (6, 4)), LevelSettings(reduction=reduction, channels=3, fusion=(1.0, 0.0))
    )
    shallow, deep = features.start(torch.zeros(1, 3, 48, 48)).split(3, dim=1)
    assert float(shallow.square().sum(1).mean()) == pytest.approx(1, rel=1e-4)
    assert float(deep.square().sum(1).mean()) == pytest.approx(1, rel=1e-4)
    assert torch.equal(features(torch.zeros(2, 3, 48, 48))[1:], features.start(torch.zeros(1, 3, 48, 48)))


def test_the_deep_level_enters_twice(maps):
    plain, residual = (
        TwoLevelFeatures(Fixed(maps, (6, 4)), LevelSettings(reduction="random", channels=3, fusion=fusion))
        for fusion in ((1.0, 0.0), (0.8, 0.2))
    )
    shallow, deep = plain.start(torch.zeros(1, 3, 48, 48)).split(3, dim=1)
    base, own = residual.start(torch.zeros(1, 3, 48, 48)).split(3, dim=1)
    assert torch.allclose(base, 0.8 * shallow + 0.2 * deep, atol=1e-6)
    assert torch.equal(own, deep)


def test_principal_components_hold_all_there_is(maps):
    features = TwoLevelFeatures(Fixed(maps, (6, 4)), LevelSettings(channels=6))
    shallow, deep = features.start(torch.zeros(1, 3, 48, 48))[0].flatten(1).split(6)
    for reduced, level in ((shallow, maps[0, :6]), (deep, maps[0, 6:])):
        centred = level.flatten(1) - level.flatten(1).mean(1, keepdim=True)
        gram, truth = reduced.T @ reduced, centred.T @ centred
        assert torch.allclose(gram / gram.trace(), truth / truth.trace(), atol=1e-5)
    assert not deep[4:].any()  # a level of four channels fills four


def test_random_reduction_is_msras_and_the_seeds(maps):
    wide = torch.rand(1, 600, 6, 6, generator=torch.Generator().manual_seed(0))
    features = TwoLevelFeatures(
        Fixed(wide, (300, 300)), LevelSettings(reduction="random", channels=128, reduction_kernel=3)
    )
    weights = features._random_weights(300, torch.Generator().manual_seed(1))
    assert weights.shape == (128, 300, 3, 3)
    assert float(weights.std()) == pytest.approx(np.sqrt(2 / 2700), rel=0.01)
    first, same = features.start(torch.zeros(1, 3, 24, 24)), features.start(torch.zeros(1, 3, 24, 24))
    assert torch.equal(first, same)
    other = TwoLevelFeatures(features.backbone, replace(features.level_settings, seed=702))
    assert not torch.allclose(first, other.start(torch.zeros(1, 3, 24, 24)))
