"""Adam as in DSLT, optionally with the bias correction of step 1 in all steps, as in DSLT's released code."""

import math
import random
from dataclasses import dataclass

from torch import Tensor

from tracker.checks import positive, whole
from tracker.solvers.base import SOLVERS, Solver
from tracker.solvers.problem import Regression, summed_loss

EPSILON = 1e-8


class AdamState:
    """Moments of one run of Adam (Kingma and Ba 2015), over one filter.

    Args:
        like: the filter.
        betas: decay of the first and the second moment.
        frozen_correction: use the bias correction of step 1 in all steps, as the released DSLT, which never advances
            Caffe's iteration counter. Under a constant gradient the steps 1, 10, 20, 50 and 100 are then 1.00, .79,
            .56, .36 and .26 learning rates long, and the first 100 steps together 44.1.
    """

    def __init__(self, like: Tensor, betas: tuple[float, float], *, frozen_correction: bool) -> None:
        self._mean, self._square = like.new_zeros(like.shape), like.new_zeros(like.shape)
        self._betas, self._frozen, self._count = betas, frozen_correction, 0

    def step(self, gradient: Tensor) -> Tensor:
        """Update the moments with a gradient; return the step to subtract, in units of the learning rate."""
        first, second = self._betas
        self._count = 1 if self._frozen else self._count + 1
        self._mean = self._mean.lerp(gradient, 1 - first)
        self._square = self._square.lerp(gradient.square(), 1 - second)
        correction = math.sqrt(1 - second**self._count) / (1 - first**self._count)
        return correction * self._mean / (self._square.sqrt() + EPSILON)


@SOLVERS.register("adam")
@dataclass(eq=False)
class AdamSolver(Solver):
    """Gradient descent on one sample at a time, as in DSLT (ECCV 2018).

    Frame 1 takes up to ``first_steps`` steps on samples drawn at random, until the loss is small. An update takes
    ``steps`` steps on each sample in turn; all updates of a target share their moments.

    The learning rate is relative to the features: one step changes the response on the target by at most this
    much, because every weight changes by ``learning_rate / Σ|x|``, the sum over the filter's position in frame 1.
    (The paper's 2e-8 and 8e-7 are for the activations of Caffe's VGG-16.) Weight decay is the gradient of the
    regression's λ, coupled.

    Args:
        learning_rate: largest change of the response on the target that one step of frame 1 can make, above 0.
        update_rate: learning rate of updates over that of frame 1; ECCV 2018: 1/4, released code: 1/2.
        first_steps: largest number of steps in frame 1.
        steps: number of steps on each sample of an update.
        stop_share: frame 1 ends at this share of the loss of a response of zero.
        stop_loss: frame 1 ends at this loss, a sum over the map; released code: .03 (with its own loss).
        betas: decay of the first and the second moment.
        frozen_correction: see ``AdamState``.
        code_slope: use the slope of the released code, −|L'|, which increases even a response that is too high; for
            parity only.
        seed: seed of the draws.
    """

    learning_rate: float = 0.05
    update_rate: float = 0.25
    first_steps: int = 100
    steps: int = 2
    stop_share: float = 0.1
    stop_loss: float = 0.0
    betas: tuple[float, float] = (0.6, 0.999)
    frozen_correction: bool = False
    code_slope: bool = False
    seed: int = 701

    def __post_init__(self) -> None:
        positive("learning_rate", self.learning_rate)
        whole("first_steps", self.first_steps, 1)
        whole("steps", self.steps, 0)

    def _start(self, regression: Regression, zero: Tensor) -> Tensor:
        kernel, draws = zero, random.Random(self.seed)
        self._rate = self.learning_rate / _reach(regression, zero)
        self._moments = self._new_moments(zero)
        moments = self._new_moments(zero)
        stop = self.stop_loss
        samples = [regression.only(sample) for sample in range(len(regression.features))]
        for step in range(self.first_steps):
            sample = draws.choice(samples)
            response = sample.respond(kernel)
            loss = summed_loss(sample.criterion, response, sample.labels)
            if step == 0:
                stop = max(stop, self.stop_share * float(loss))
            if loss <= stop:  # reads the loss back from the device, in frame 1 only
                break
            kernel = kernel - self._rate * moments.step(self._gradient(sample, response, kernel))
        return kernel

    def update(self, regression: Regression, kernel: Tensor) -> Tensor:
        """Take a few steps on each sample in turn."""
        rate = self.update_rate * self._rate
        for index in range(len(regression.features)):
            sample = regression.only(index)
            for _ in range(self.steps):
                gradient = self._gradient(sample, sample.respond(kernel), kernel)
                kernel = kernel - rate * self._moments.step(gradient)
        return kernel

    def _new_moments(self, like: Tensor) -> AdamState:
        return AdamState(like, self.betas, frozen_correction=self.frozen_correction)

    def _gradient(self, sample: Regression, response: Tensor, kernel: Tensor) -> Tensor:
        slopes = sample.slopes(response)
        if self.code_slope:
            slopes = -slopes.abs()
        kernel_hw = (kernel.shape[1], kernel.shape[2])
        return sample.adjoint(slopes, kernel_hw) + 2 * sample.regularisation * kernel


def _reach(regression: Regression, kernel: Tensor) -> Tensor:
    """Sum ``Σ|x|`` of the features under the filter in the middle of the first sample."""
    height, width = regression.features.shape[-2:]
    top, left = (height - kernel.shape[1]) // 2, (width - kernel.shape[2]) // 2
    middle = regression.features[0, :, top : top + kernel.shape[1], left : left + kernel.shape[2]]
    return middle.abs().sum().clamp_min(1e-6)
