"""A solver's fit to frame 1, watched step by step."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from torch import Tensor

from tracker.solvers import Regression, Solver
from tracker.solvers.adam import AdamSolver
from tracker.solvers.irls import ReweightedLeastSquares


def fitted_filters(
    solver: Solver, regression: Regression, kernel_hw: tuple[int, int], marks: Sequence[int]
) -> Iterator[tuple[int, float, Tensor]]:
    """The filter of frame 1 after each number of steps in ``marks``, and the seconds that these steps took.

    Args:
        solver: Adam, reweighted least squares, or a solver of one step.
        regression: the samples of frame 1.
        kernel_hw: height and width of the filter, cells.
        marks: ascending numbers of steps.
    """
    if isinstance(solver, AdamSolver):
        single = replace(solver, update_rate=1.0, steps=1, stop_loss=float("inf"), stop_share=0.0)
        kernel, spent = single.start(regression, kernel_hw), 0.0  # ends at once: the steps are taken below
        for step in range(1, marks[-1] + 1):
            started = time.perf_counter()
            kernel = single.update(regression, kernel)
            spent += time.perf_counter() - started
            if step in marks:
                yield step, spent, kernel
        return
    for mark in marks:  # from the start for each mark: directions of single steps would not be conjugate
        own = replace(solver, first_steps=mark) if isinstance(solver, ReweightedLeastSquares) else solver
        started = time.perf_counter()
        kernel = own.start(regression, kernel_hw)
        yield mark, time.perf_counter() - started, kernel
