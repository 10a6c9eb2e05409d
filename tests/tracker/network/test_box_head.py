"""The box head: its samples, corrections and matches against geometry."""

import pytest
import torch

from tracker.network.box_head import BoxHead, apply_correction, correction_between, sample_boxes


def test_box_samples_lie_on_a_grid_over_the_box():
    rows, columns = torch.meshgrid(torch.arange(20.0), torch.arange(20.0), indexing="ij")
    features = torch.stack([columns, rows])[None]
    samples = sample_boxes(features, torch.tensor([[4.0, 6.0, 8.0, 4.0]]), 4, 1.0)[0]
    # The box covers x from 3.5 to 11.5 and y from 5.5 to 9.5; four cells of it are 2 and 1 wide.
    assert samples[0, 0].tolist() == pytest.approx([4.5, 6.5, 8.5, 10.5])
    assert samples[1, :, 0].tolist() == pytest.approx([6.0, 7.0, 8.0, 9.0])


def test_corrections_turn_one_box_into_the_other():
    torch.manual_seed(0)
    first, second = torch.rand(2, 5, 4) * 20 + 5
    torch.testing.assert_close(apply_correction(first, correction_between(first, second)), second)
    grown = apply_correction(
        torch.tensor([[10.0, 10.0, 11.0, 5.0]]), torch.tensor([[0.0, 0.0, 2.0, 0.0]]).log1p()
    )
    assert grown.tolist() == [[pytest.approx(-1.0), 10.0, pytest.approx(33.0), 5.0]]  # centre (15, 12) kept


def test_matches_are_cosines_of_places_and_their_neighbours():
    head = BoxHead(5, hidden=4)
    torch.manual_seed(1)
    known, seen = (torch.nn.functional.normalize(torch.randn(2, 4, 12, 12), dim=1) for _ in range(2))
    matches = head.matches(known, seen)
    padded = torch.nn.functional.pad(seen, (2, 2, 2, 2))
    for dy in range(5):
        for dx in range(5):
            expected = (known * padded[:, :, dy : dy + 12, dx : dx + 12]).sum(1)
            torch.testing.assert_close(matches[:, 5 * dy + dx], expected)
