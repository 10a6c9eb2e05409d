"""The regression: response, adjoint, slopes and weights against dense float64 algebra."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.material.regressions import (
    KERNEL_HW,
    small_problem,
)
from tracker.solvers import correlate


@pytest.mark.parametrize("padding_hw", [(0, 0), (1, 1), (2, 1)])
def test_a_correlation_by_products_and_overlapping_sums_is_a_convolution_layer(padding_hw):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 3, 9, 8, dtype=torch.float64, generator=generator)
    kernel = torch.randn(3, 5, 3, dtype=torch.float64, generator=generator)
    truth = nn.functional.conv2d(features, kernel[None], padding=padding_hw)
    assert torch.allclose(correlate(features, kernel, padding_hw), truth, atol=1e-12)


def test_respond_and_adjoint_are_the_dense_design_and_its_transpose():
    regression, designs, label, _ = small_problem()
    rng = np.random.default_rng(0)
    kernel, maps = rng.normal(size=designs[0].shape[-1]), rng.normal(size=(2, *label.shape))
    responses = regression.respond(torch.from_numpy(kernel).view(3, *KERNEL_HW))
    back = regression.adjoint(torch.from_numpy(maps)[:, None], KERNEL_HW)
    assert responses[:, 0].numpy() == pytest.approx(np.array([d @ kernel for d in designs]), abs=1e-12)
    truth = sum(np.tensordot(m, d, 2) for m, d in zip(maps, designs, strict=True))
    assert back.flatten().numpy() == pytest.approx(truth, abs=1e-12)


def test_a_reduction_to_the_mean_is_undone():
    by_sum, by_mean, by_batch = (
        small_problem("shrinkage", reduction=reduction)[0] for reduction in ("sum", "mean", "batchmean")
    )
    kernel = torch.full((3, *KERNEL_HW), 0.1, dtype=torch.float64)
    responses = by_sum.respond(kernel)
    for other in (by_mean, by_batch):
        assert torch.allclose(by_sum.slopes(responses), other.slopes(responses))
    torch_mean = replace(by_sum, criterion=nn.MSELoss())
    residual = responses - by_sum.labels
    assert torch.allclose(torch_mean.slopes(responses), 2 * by_sum.weights.view(-1, 1, 1, 1) * residual)


def test_curvatures_are_the_published_weights_of_shrinkage():
    regression, *_ = small_problem("shrinkage")
    errors = torch.tensor([0.0, 0.05, 0.2, -0.5, 1.0], dtype=torch.float64)
    responses = regression.labels.clone()
    responses[0, 0, :5, 0] += errors
    label = regression.labels[0, 0, :5, 0]
    size = errors.abs().clamp_min(1e-4)
    factor = torch.sigmoid(10 * (size - 0.2))
    truth = 0.7 * label.exp() * (factor + 10 * size * factor * (1 - factor) / 2)
    assert torch.allclose(regression.curvatures(responses)[0, 0, :5, 0], truth, rtol=1e-9)
