"""Grey levels against their formula."""

import torch

from tracker.backbones.gray import Gray


def test_gray_is_the_cells_mean_luma(images):
    luma = (
        (0.299 * images[:, 0] + 0.587 * images[:, 1] + 0.114 * images[:, 2])
        .reshape(2, 8, 4, 10, 4)
        .mean((2, 4))
    )
    assert torch.allclose(Gray()(images)[:, 0] * 255, luma, atol=1e-3)
