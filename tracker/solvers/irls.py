"""Reweighted least squares by conjugate gradient: a few steps instead of a hundred."""

from dataclasses import dataclass

import torch
from torch import Tensor

from tracker.checks import whole
from tracker.solvers.base import SOLVERS, Solver
from tracker.solvers.problem import Regression


@SOLVERS.register("irls")
@dataclass(eq=False)
class ReweightedLeastSquares(Solver):
    """Conjugate gradient on weighted least squares whose weights follow any regression loss.

    The weights ``L'(e) / 2e`` are computed from the slope of any loss and the responses before each step. This costs
    one evaluation of the loss on the maps and none of the filter. The weights determine the length of a step. For a
    loss steeper than the square (L3) the step overshoots and is shortened to the zero of the secant through the slopes
    at both ends. Directions are conjugate by Polak and Ribière's rule; for a quadratic loss they are those of linear
    conjugate gradient. No value is read back from the device, and stopping early is part of the regularisation.

    Holland and Welsch 1977 for the weights; Hestenes and Stiefel 1952, Polak and Ribière 1969 for the steps.

    Args:
        first_steps: number of steps in frame 1, at least 1.
        steps: number of steps at an update.
    """

    first_steps: int = 20
    steps: int = 4

    def __post_init__(self) -> None:
        whole("first_steps", self.first_steps, 1)
        whole("steps", self.steps, 0)

    def _start(self, regression: Regression, zero: Tensor) -> Tensor:
        return _descend(regression, zero, self.first_steps)

    def update(self, regression: Regression, kernel: Tensor) -> Tensor:
        """Take a few steps from the current filter towards the samples' minimiser."""
        return _descend(regression, kernel, self.steps)


def _descend(regression: Regression, kernel: Tensor, steps: int) -> Tensor:
    kernel_hw, ridge = (kernel.shape[1], kernel.shape[2]), regression.regularisation
    response = regression.respond(kernel)
    direction = previous = kernel.new_zeros(kernel.shape)
    for step in range(steps):
        weights = regression.curvatures(response)
        # Half of the loss's gradient, downwards.
        descent = regression.adjoint(weights * (regression.labels - response), kernel_hw) - ridge * kernel
        if step:
            kept = _divided((descent * (descent - previous)).sum(), previous.square().sum()).clamp_min(0)
            direction = descent + kept * direction
        else:
            direction = descent
        previous = descent
        image = regression.respond(direction)
        fall = (descent * direction).sum().clamp_min(0)
        bend = (weights * image.square()).sum() + ridge * direction.square().sum()
        length = _divided(fall, bend)
        # Half the true slope at the step's end; the secant through it and the slope at the start has its zero before.
        ahead = 0.5 * (regression.slopes(response + length * image) * image).sum()
        ahead = (ahead + ridge * ((kernel + length * direction) * direction).sum()).clamp_min(0)
        length = length * _divided(fall, fall + ahead)
        kernel, response = kernel + length * direction, response + length * image
    return kernel


def _divided(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Divide two scalars; 0 by 0 is 0."""
    return numerator / denominator.clamp_min(torch.finfo(denominator.dtype).tiny)
