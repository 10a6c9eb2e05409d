"""On-line solvers of a regression with any loss, behind one interface, found by name."""

from tracker.solvers.adam import AdamSolver
from tracker.solvers.base import SOLVERS, Solver
from tracker.solvers.irls import ReweightedLeastSquares
from tracker.solvers.problem import LabelWeightedSquares, Regression, correlate, padded_spectra
from tracker.solvers.ridge import RidgeSolver

__all__ = [
    "SOLVERS",
    "AdamSolver",
    "LabelWeightedSquares",
    "Regression",
    "ReweightedLeastSquares",
    "RidgeSolver",
    "Solver",
    "correlate",
    "padded_spectra",
]
