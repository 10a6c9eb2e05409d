"""The ring of recent samples keeps frame 1 and its weight."""

import pytest
import torch

from tracker.solvers.memory import RecentSamples


def sample(value):
    return torch.full((2, 3, 3), float(value)), torch.full((3, 3), float(value))


def test_the_ring_keeps_frame_1_and_the_six_latest_alike():
    memory = RecentSamples(7, *sample(1), (0, 0), 1 / 7)
    for frame in range(2, 12):
        memory.add(*sample(frame))
        kept = [1, *range(max(2, frame - 5), frame + 1)]
        assert sorted(memory.features[:, 0, 0, 0].tolist()) == kept
        assert torch.equal(memory.features[:, 0, 0, 0], memory.labels[:, 0, 0, 0])
        assert memory.features[0, 0, 0, 0] == 1
    assert torch.allclose(memory.weights, torch.full((7,), 1 / 7))


def test_frame_1_weighs_what_it_is_to_once_the_memory_is_full():
    memory = RecentSamples(5, *sample(1), (0, 0), 0.6)
    seen = [memory.weights.tolist()]
    for frame in range(2, 9):
        memory.add(*sample(frame))
        seen.append(memory.weights.tolist())
    assert seen[0] == [1.0]
    assert seen[1] == pytest.approx([0.9, 0.1])
    assert seen[4] == seen[-1] == pytest.approx([0.6, 0.1, 0.1, 0.1, 0.1])


def test_a_memory_of_one_keeps_frame_1():
    memory = RecentSamples(1, *sample(1), (0, 0), 0.5)
    memory.add(*sample(2))
    assert memory.features[:, 0, 0, 0].tolist() == [1]
