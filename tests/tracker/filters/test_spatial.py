"""The filter confined to the target against dense float64 linear algebra."""

import pytest
import torch
from torch import nn

from data.labels import gaussian_label
from losses import build_loss
from losses.maml import meta_loss
from tests.material.filters import SIZES, dense_ridge, make_memory
from tracker.filters.memory import SampleMemory
from tracker.filters.spatial import SpatialFilter


@pytest.mark.parametrize("size_hw", SIZES)
@pytest.mark.parametrize("target_hw", [(2, 2), (2, 3), (4, 3)])
def test_the_confined_filter_is_the_dense_ridge_solution_on_its_support(size_hw, target_hw):
    memory, features, labels = make_memory(size_hw)
    model = SpatialFilter(0.5, first_iterations=200)
    model.start(memory, target_hw)
    truth = dense_ridge(features, labels, memory.weights.numpy(), 0.5, model.support)
    assert model.weights.numpy() == pytest.approx(truth, abs=2e-6)


def test_warm_started_steps_reach_the_minimiser_of_a_changed_memory():
    memory, features, labels = make_memory((6, 6), samples=2)
    model = SpatialFilter(0.5, first_iterations=50, iterations=3)
    model.start(memory, (4, 4))
    added = torch.fft.rfft2(torch.from_numpy(features[0]).float() * 0.5)
    memory.add(added, torch.from_numpy(labels[1]).float(), 0.4)
    for _ in range(300):
        model.fit(memory)
    features[1], expected_labels = features[0] * 0.5, labels[[0, 1]]
    truth = dense_ridge(features, expected_labels, memory.weights.numpy(), 0.5, model.support)
    assert model.weights.numpy() == pytest.approx(truth, abs=1e-5)


class FilterHead(nn.Module):
    """The confined filter as a module, for MAML: its response to a batch of feature maps."""

    def __init__(self, channels, size_hw, support):
        super().__init__()
        self.weights = nn.Parameter(
            torch.zeros(channels, *(axis.stop - axis.start for axis in support), dtype=torch.float64)
        )
        self.size_hw, self.support = size_hw, support

    def forward(self, features):
        rows, columns = self.support
        border = (columns.start, self.size_hw[1] - columns.stop, rows.start, self.size_hw[0] - rows.stop)
        spectrum = torch.fft.rfft2(nn.functional.pad(self.weights, border)).conj()
        response = torch.fft.irfft2((torch.fft.rfft2(features) * spectrum).sum(-3), s=self.size_hw)
        return torch.fft.fftshift(response, dim=(-2, -1))


def test_a_meta_learned_filter_saves_steps_in_the_first_frame():
    """Targets of one kind: from the meta-learned start one step fits a new one better than from zero."""
    size_hw, support = (12, 12), (slice(3, 9), slice(3, 9))
    generator = torch.Generator().manual_seed(0)
    common = torch.randn(8, *size_hw, generator=generator)
    label = gaussian_label(size_hw, 1.0)

    def target():
        return common + 0.4 * torch.randn(8, *size_hw, generator=generator)

    head = FilterHead(8, size_hw, support)
    criterion = build_loss("shrinkage", reduction="batchmean")
    optimiser = torch.optim.Adam(head.parameters(), lr=1e-2)
    for _ in range(80):
        samples = [(target().double()[None], label.double()[None]) for _ in range(4)]
        optimiser.zero_grad()
        meta_loss(head, criterion, list(zip(samples[:2], samples[2:], strict=True)), lr=0.5).backward()
        optimiser.step()

    def error(initial):
        model = SpatialFilter(0.1, first_iterations=1, initial=initial)
        spectrum = torch.fft.rfft2(new)
        model.start(SampleMemory(1, spectrum, label), (6, 6))
        return float((model.response(spectrum[None], size_hw)[0, 0] - label).square().sum())

    for _ in range(5):
        new = target()
        assert error(head.weights.detach()) < 0.5 * error(None)


def test_an_initial_filter_is_resized_and_its_channels_are_checked():
    memory, _, _ = make_memory((8, 8), samples=1)
    flat = SpatialFilter(0.5, first_iterations=1, initial=torch.full((2, 2, 2), 0.3))
    assert torch.allclose(flat._initial_weights(torch.zeros(2, 4, 6)), torch.full((2, 4, 6), 0.3))
    with pytest.raises(ValueError, match=r"the features' 2 channels, got \(3, 2, 2\)"):
        SpatialFilter(0.5, initial=torch.zeros(3, 2, 2)).start(memory, (4, 4))


def test_the_support_stands_in_the_middle():
    memory, _, _ = make_memory((50, 50), samples=1)
    model = SpatialFilter()
    model.start(memory, (11, 4))  # 11 of 50 cells cannot: one more
    assert model.support == (slice(19, 31), slice(23, 27))
