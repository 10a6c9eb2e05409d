"""The interface of on-line solvers: fit a filter to frame 1, then keep it up to date."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from data.registry import Registry
from tracker.solvers.problem import Regression


@dataclass(eq=False)
class Solver(ABC):
    """Minimises a ``Regression``; one instance serves one tracker and is started anew with every target.

    A solver is a dataclass: its fields are its settings.
    """

    def start(self, regression: Regression, kernel_hw: tuple[int, int]) -> Tensor:
        """Forget everything and fit a filter to frame 1, from zero.

        Args:
            regression: frame 1's sample, or several of it.
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
        """Learn from samples that have changed, from the present filter; return the new one."""


SOLVERS: Registry[type[Solver]] = Registry("solver", "tracker.solvers")


def divided(numerator: Tensor, denominator: Tensor) -> Tensor:
    """``numerator / denominator`` of two scalars; 0 by 0 is 0."""
    return numerator / denominator.clamp_min(torch.finfo(denominator.dtype).tiny)
