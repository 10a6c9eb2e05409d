"""The closed form, which is exact for L2 and its weighted forms."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.checks import whole
from tracker.solvers.base import SOLVERS, Solver
from tracker.solvers.problem import Regression


@SOLVERS.register("ridge")
@dataclass(eq=False)
class RidgeSolver(Solver):
    """Weighted ridge regression by a dense Cholesky factor of the primal or the dual form, whichever is smaller.

    ``w = (Aᵀ W A + λ)⁻¹ Aᵀ W y`` with a row of ``A`` for every location of every sample. For a quadratic loss the
    weights ``W`` are constant and one solve gives the minimiser. For other losses each solve is one exact step of
    iteratively reweighted least squares. The cost grows with the cube of the number of locations or of filter weights,
    whichever is smaller: this solver is a reference, and usable for small filters.

    Args:
        reweightings: solves in frame 1 and at each update; 1 is exact for a quadratic loss.
    """

    reweightings: int = 1

    def __post_init__(self) -> None:
        whole("reweightings", self.reweightings, 1)

    def _start(self, regression: Regression, zero: Tensor) -> Tensor:
        return self.update(regression, zero)

    def update(self, regression: Regression, kernel: Tensor) -> Tensor:
        """Solve for the current samples; the current filter determines the weights only."""
        if not regression.regularisation > 0:
            raise ValueError(f"the closed form needs regularisation > 0, got {regression.regularisation}")
        for _ in range(self.reweightings):
            kernel = _solve(regression, kernel)
        return kernel


def _solve(regression: Regression, kernel: Tensor) -> Tensor:
    shape = (kernel.shape[1], kernel.shape[2])
    design = F.unfold(regression.features, shape, padding=regression.padding_hw).mT.flatten(0, 1)
    roots = regression.curvatures(regression.respond(kernel)).flatten().sqrt()
    design, target = design * roots[:, None], regression.labels.flatten() * roots
    rows, unknowns = design.shape
    if unknowns <= rows:
        return _positive_solve(design.T @ design, design.T @ target, regression).view_as(kernel)
    return (design.T @ _positive_solve(design @ design.T, target, regression)).view_as(kernel)


def _positive_solve(gram: Tensor, target: Tensor, regression: Regression) -> Tensor:
    gram.diagonal().add_(regression.regularisation)
    return torch.cholesky_solve(target[:, None], torch.linalg.cholesky(gram))[:, 0]
