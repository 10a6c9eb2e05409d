"""The memory keeps frame 1, and its weights are a running mean's."""

import pytest
import torch

from tracker.filters.memory import SampleMemory

LABEL = torch.zeros(4, 4)


def features(value):
    return torch.fft.rfft2(torch.full((1, 4, 4), float(value)))


def held(memory):
    """The constant each slot was made of: the spectrum's first entry is the sum."""
    return [round(float(value) / 16) for value in memory.features[:, 0, 0, 0].real]


def test_frame_one_is_never_dropped_and_the_lightest_other_is():
    memory = SampleMemory(3, features(1), LABEL)
    for value in (2, 3, 4, 5):
        memory.add(features(value), LABEL, 0.1)
    assert held(memory)[0] == 1
    assert sorted(held(memory)[1:]) == [4, 5]


def test_weights_fade_and_sum_to_one():
    memory = SampleMemory(3, features(1), LABEL)
    memory.add(features(2), LABEL, 0.2)
    assert memory.weights.tolist() == pytest.approx([0.8, 0.2])
    memory.add(features(3), LABEL, 0.2)
    assert memory.weights.tolist() == pytest.approx([0.64, 0.16, 0.2])
    memory.add(features(4), LABEL, 0.2)  # replaces 2 with its weight of 0.128
    assert memory.weights.tolist() == pytest.approx([0.512 / 0.872, 0.2 / 0.872, 0.16 / 0.872])


def test_a_memory_of_one_keeps_frame_one_only():
    memory = SampleMemory(1, features(1), LABEL)
    memory.add(features(2), LABEL, 0.5)
    assert held(memory) == [1]
    assert memory.weights.tolist() == [1.0]
