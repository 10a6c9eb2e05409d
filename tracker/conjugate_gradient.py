"""Conjugate gradient for normal equations, for one filter on line and for batches in training."""

from collections.abc import Callable

import torch
from torch import Tensor


def conjugate_gradient(
    normal: Callable[[Tensor], Tensor],
    target: Tensor,
    start: Tensor | None,
    iterations: int,
    *,
    batched: bool = False,
    smallest: float | None = None,
) -> Tensor:
    """Solve ``normal(w) = target`` approximately for a linear, symmetric, positive definite ``normal``.

    Hestenes and Stiefel 1952. The number of steps is fixed, because a stopping rule would read values back from
    the device. Gradients pass through the steps.

    Args:
        normal: the left side of the equations, a function of ``w``.
        target: the right side, of the solution's shape.
        start: solution to start from; None for zero.
        iterations: number of steps.
        batched: the first dimension counts separate problems; else the whole tensor is one problem.
        smallest: lower bound of divisors; default: the smallest normal number of the dtype.
    """
    least = torch.finfo(target.dtype).tiny if smallest is None else smallest
    solution = torch.zeros_like(target) if start is None else start
    residual = target if start is None else target - normal(solution)
    direction = residual
    energy = _inner(residual, residual, batched)
    for _ in range(iterations):
        image = normal(direction)
        step = energy / _inner(direction, image, batched).clamp_min(least)
        solution = solution + step * direction
        residual = residual - step * image
        previous, energy = energy, _inner(residual, residual, batched)
        direction = residual + (energy / previous.clamp_min(least)) * direction
    return solution


def _inner(first: Tensor, second: Tensor, batched: bool) -> Tensor:
    product = first * second
    return product.sum(tuple(range(1, product.ndim)), keepdim=True) if batched else product.sum()
