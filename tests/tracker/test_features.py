"""Features made ready for a filter: centred, of known energy, reduced; the window against its formula."""

import numpy as np
import pytest
import torch

from tracker.backbones.gray import Gray
from tracker.features import FeatureExtractor, hann2d


class Fixed(Gray):
    """A backbone of given channels, whatever the image."""

    def __init__(self, maps, blocks):
        super().__init__()
        self.maps, self.blocks = maps, blocks

    def forward(self, images):
        return self.maps.expand(len(images), -1, -1, -1)


def test_features_are_centred_and_share_the_energy_by_channels():
    generator = torch.Generator().manual_seed(0)
    maps = (
        torch.randn(1, 6, 20, 20, generator=generator) * torch.tensor([1, 1, 1, 50, 50, 0.0]).view(6, 1, 1)
        + 3
    )
    extractor = FeatureExtractor(Fixed(maps, (3, 3)))
    features = extractor.learn(extractor.backbone(torch.zeros(1, 3, 80, 80)))
    assert features.shape == (1, 5, 20, 20)  # the channel that does not vary is gone
    assert features.mean((0, 2, 3)).abs().max() < 1e-5
    energy = features[0].square().mean((1, 2))
    assert float(energy[:3].sum()) == pytest.approx(40 * 3 / 5, rel=1e-4)
    assert float(energy[3:].sum()) == pytest.approx(40 * 2 / 5, rel=1e-4)


def test_wide_blocks_are_reduced_to_their_principal_components():
    generator = torch.Generator().manual_seed(0)
    sources = torch.randn(2, 400, generator=generator)
    mixing = torch.randn(10, 2, generator=generator)
    maps = (mixing @ sources).view(1, 10, 20, 20)
    extractor = FeatureExtractor(Fixed(maps, (10,)), max_channels=2)
    features = extractor.learn(extractor.backbone(torch.zeros(1, 3, 80, 80)))[0].flatten(1)
    covariance = features @ features.T / 400
    assert covariance[0, 1].abs() < 1e-3 * covariance[0, 0]
    rest = maps[0].flatten(1) - maps[0].flatten(1).mean(1, keepdim=True)
    fitted = rest @ features.T @ torch.linalg.inv(features @ features.T) @ features
    assert torch.allclose(fitted, rest, atol=1e-3)  # two components hold all there is


@pytest.mark.parametrize("size_hw", [(7, 7), (6, 9)])
def test_the_window_is_numpys_hann_without_its_zeros(size_hw):
    rows, columns = (np.hanning(n + 2)[1:-1] for n in size_hw)
    window = hann2d(*size_hw).numpy()
    assert window == pytest.approx(np.outer(rows, columns), abs=1e-6)
    assert window.min() > 0
    assert np.array_equal(window, window[::-1, ::-1]) or np.allclose(window, window[::-1, ::-1], atol=1e-7)
