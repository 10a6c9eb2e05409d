"""Colour features against CIELAB values worked out elsewhere."""

import pytest
import torch

from tracker.backbones.color import Color


@pytest.mark.parametrize(
    ("rgb", "lab"),  # CIE L*a*b* under D65, published conversions of the sRGB primaries
    [
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((119, 119, 119), (50.03, 0.0, 0.0)),
    ],
)
def test_colour_is_cielab_of_the_cells_mean(rgb, lab):
    images = torch.tensor(rgb, dtype=torch.float32).view(1, 3, 1, 1).expand(1, 3, 4, 8)
    assert Color()(images)[0, :, 0, 1].tolist() == pytest.approx([value / 100 for value in lab], abs=5e-4)
