"""Iteratively reweighted least squares by conjugate gradient: a few steps instead of a hundred."""

from torch import Tensor

from tracker.solvers.base import SOLVERS, Solver, divided, whole
from tracker.solvers.regression import Regression


@SOLVERS.register("irls")
class ReweightedLeastSquares(Solver):
    """Any regression loss as a sequence of weighted least squares, each by a few conjugate-gradient steps.

    The weights ``L'(e) / 2e`` come from the loss's own slope, so that no loss is a special case: a stationary
    point of the sequence is one of the loss. For a loss that rises faster than the square (L3) the full step
    goes too far; the step is cut where the slope along it changes its sign, at the price of one more
    evaluation of the loss on the maps, and none of the filter. Nothing is read back from the device.

    Holland and Welsch 1977 for the weights; Hestenes and Stiefel 1952 (CGLS) for the steps.

    Args:
        first_reweightings: in frame 1.
        first_steps: conjugate-gradient steps after each of them.
        reweightings: at an update.
        steps: conjugate-gradient steps after each of them.
    """

    def __init__(
        self, first_reweightings: int = 10, first_steps: int = 2, reweightings: int = 1, steps: int = 4
    ) -> None:
        self.first_reweightings = whole("first_reweightings", first_reweightings, 1)
        self.first_steps = whole("first_steps", first_steps, 1)
        self.reweightings = whole("reweightings", reweightings, 0)
        self.steps = whole("steps", steps, 1)

    def _start(self, regression: Regression, zero: Tensor) -> Tensor:
        return self._solve(regression, zero, self.first_reweightings, self.first_steps)

    def update(self, regression: Regression, kernel: Tensor) -> Tensor:
        """A few steps from the present filter towards the samples' minimiser."""
        return self._solve(regression, kernel, self.reweightings, self.steps)

    def _solve(self, regression: Regression, kernel: Tensor, reweightings: int, steps: int) -> Tensor:
        response = regression.respond(kernel)
        for _ in range(reweightings):
            move, change = _weighted_least_squares(regression, kernel, response, steps)
            length = _step_length(regression, kernel, response, move, change)
            kernel, response = kernel + length * move, response + length * change
        return kernel


def _weighted_least_squares(
    regression: Regression, kernel: Tensor, response: Tensor, steps: int
) -> tuple[Tensor, Tensor]:
    """Change of the filter after conjugate-gradient steps under the present weights, and of its responses."""
    kernel_hw, ridge = (kernel.shape[1], kernel.shape[2]), regression.regularisation
    weights = regression.curvatures(response)
    descent = regression.adjoint(weights * (regression.labels - response), kernel_hw) - ridge * kernel
    direction, energy = descent, descent.square().sum()
    move, change = kernel.new_zeros(()), response.new_zeros(())
    for step in range(steps):
        image = regression.respond(direction)
        weighted = weights * image
        bend = (weighted * image).sum() + ridge * direction.square().sum()
        length = divided(energy, bend)
        move, change = move + length * direction, change + length * image
        if step + 1 < steps:
            descent = descent - length * (regression.adjoint(weighted, kernel_hw) + ridge * direction)
            previous, energy = energy, descent.square().sum()
            direction = descent + divided(energy, previous) * direction
    return move, change


def _step_length(
    regression: Regression, kernel: Tensor, response: Tensor, move: Tensor, change: Tensor
) -> Tensor:
    """Part of the move, in (0, 1], after which the loss stops falling: 1, or where the secant of its slope is 0."""

    def slope(length: float) -> Tensor:
        fit = (regression.slopes(response + length * change) * change).sum()
        return fit + 2 * regression.regularisation * ((kernel + length * move) * move).sum()

    before, after = slope(0.0), slope(1.0)
    return divided(before.abs(), before.abs() + after.clamp_min(0))
