"""Where the cells of a level land on a map of another stride."""

import pytest
import torch
import torch.nn.functional as F

from tracker.backbones.cells import place_cells, recover_level


@pytest.mark.parametrize(("level_stride", "stride"), [(8, 4), (16, 4), (16, 8), (8, 8)])
def test_whole_levels_as_torch_brings_them_up(level_stride, stride):
    level = torch.randn(2, 3, 64 // level_stride, 96 // level_stride)
    size = 64 // stride, 96 // stride
    expected = F.interpolate(level, size, mode="bilinear", align_corners=False)
    torch.testing.assert_close(place_cells(level, level_stride, stride, size), expected)


def test_a_cell_that_reaches_beyond_the_image_keeps_its_place():
    """Of 40 pixels a padded network makes 3 cells of 16, in the middle of pixels 7.5, 23.5 and 39.5."""
    level = torch.tensor([7.5, 23.5, 39.5]).expand(1, 1, 3, 3)
    placed = place_cells(level, 16, 4, (10, 10))[0, 0, 0]
    pixels = 4 * torch.arange(10.0) + 1.5
    torch.testing.assert_close(placed, pixels.clamp(7.5, 39.5))


@pytest.mark.parametrize(("level_stride", "stride"), [(16, 8), (16, 4), (8, 8)])
def test_a_level_is_recovered_from_the_map(level_stride, stride):
    level = torch.randn(2, 3, 64 // level_stride, 96 // level_stride)
    placed = place_cells(level, level_stride, stride, (64 // stride, 96 // stride))
    torch.testing.assert_close(recover_level(placed, level_stride, stride), level, rtol=0, atol=1e-4)
