"""On-line solvers of a regression with any loss. A new solver is a new file in this folder."""

from tracker.solvers.base import SOLVERS, Solver
from tracker.solvers.problem import LabelWeightedSquares, Regression, correlate, padded_spectra

__all__ = ["SOLVERS", "LabelWeightedSquares", "Regression", "Solver", "correlate", "padded_spectra"]
