"""The interface of on-line solvers, which fit a filter to frame 1 and then update it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from data.registry import Registry
from tracker.solvers.problem import Regression


@dataclass(eq=False)
class Solver(ABC):
    """Minimises a ``Regression``. Each tracker has a solver of its own and starts it anew for every target.

    A solver is a dataclass: its fields are its settings.
    """

    def start(self, regression: Regression, kernel_hw: tuple[int, int]) -> Tensor:
        """Forget the last target and fit a filter to frame 1, starting from zero.

        Args:
            regression: samples of frame 1, one or several.
            kernel_hw: size of the filter in cells.

        Returns:
            The filter, float ``(C, kernel_h, kernel_w)``.
        """
        features = regression.features
        return self._start(regression, features.new_zeros(features.shape[1], *kernel_hw))

    @abstractmethod
    def _start(self, regression: Regression, zero: Tensor) -> Tensor:
        """Fit a filter to frame 1, starting from ``zero``, a filter of zeros."""

    @abstractmethod
    def update(self, regression: Regression, kernel: Tensor) -> Tensor:
        """Fit the current filter to samples that have changed; return the new filter."""


SOLVERS: Registry[type[Solver]] = Registry("solver", "tracker.solvers")
