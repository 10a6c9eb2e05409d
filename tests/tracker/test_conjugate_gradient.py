"""Conjugate gradient against direct solutions, for one problem and for batches."""

import torch

from tracker.filters.spatial import conjugate_gradient


def test_conjugate_gradient_solves_in_as_many_steps_as_there_are_unknowns():
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(7, 7, dtype=torch.float64, generator=generator)
    matrix, target = root @ root.T + torch.eye(7), torch.randn(7, dtype=torch.float64, generator=generator)
    got = conjugate_gradient(lambda w: matrix @ w, target, torch.zeros(7, dtype=torch.float64), 7)
    assert torch.allclose(got, torch.linalg.solve(matrix, target), atol=1e-9)


def test_conjugate_gradient_stays_put_at_the_solution():
    target = torch.tensor([1.0, 2.0])
    assert torch.equal(conjugate_gradient(lambda w: 2 * w, target, target / 2, 5), target / 2)


def test_a_batch_is_solved_as_its_problems_alone():
    generator = torch.Generator().manual_seed(0)
    scales = 1 + torch.rand(3, 2, 4, 4, dtype=torch.float64, generator=generator)
    target = torch.randn(3, 2, 4, 4, dtype=torch.float64, generator=generator)
    together = conjugate_gradient(lambda w: scales * w, target, None, 5, batched=True)
    for got, scale, wanted in zip(together, scales, target, strict=True):
        alone = conjugate_gradient(lambda w, scale=scale: scale * w, wanted, torch.zeros_like(wanted), 5)
        torch.testing.assert_close(got, alone)
