"""Small regressions with any loss, as dense float64 problems and as the solvers take them."""

import numpy as np
import torch
from scipy.optimize import minimize

from losses import build_loss
from tracker.solvers import Regression, padded_spectra

KERNEL_HW, PADDING_HW, RIDGE = (3, 2), (1, 1), 0.3


FORMULAS = {  # of the absolute error and the label, from the papers
    "l2": lambda error, label: error**2,
    "l3": lambda error, label: error**3,
    "shrinkage": lambda error, label: np.exp(label) * error**2 / (1 + np.exp(10 * (0.2 - error))),
}


def design_matrix(features):
    """A row of inputs for every location of the response, by loops over its definition."""
    channels, height, width = features.shape
    padded = np.pad(features, ((0, 0), (PADDING_HW[0],) * 2, (PADDING_HW[1],) * 2))
    rows, columns = (
        height + 2 * PADDING_HW[0] - KERNEL_HW[0] + 1,
        width + 2 * PADDING_HW[1] - KERNEL_HW[1] + 1,
    )
    return np.array(
        [
            [
                padded[channel, row + i, column + j]
                for channel in range(channels)
                for i in range(KERNEL_HW[0])
                for j in range(KERNEL_HW[1])
            ]
            for row in range(rows)
            for column in range(columns)
        ]
    ).reshape(rows, columns, -1)


def build(features, labels, weights, criterion, ridge=RIDGE, padding_hw=PADDING_HW):
    spectra = padded_spectra(features, padding_hw)
    return Regression(features, spectra, labels, weights, criterion, ridge, padding_hw)


def small_problem(loss="l2", **arguments):
    """Two samples of 3 channels whose labels no filter fits, and their design matrices, labels and weights."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(2, 3, 5, 4))
    designs = [design_matrix(sample) for sample in features]
    rows, columns, _ = designs[0].shape
    label = np.exp(-0.5 * (np.arange(rows)[:, None] - 2) ** 2 - 0.5 * (np.arange(columns) - 2) ** 2)
    weights = np.array([0.7, 0.3])
    regression = build(
        torch.from_numpy(features),
        torch.from_numpy(label).expand(2, 1, -1, -1).contiguous(),
        torch.from_numpy(weights),
        build_loss(loss, **({"reduction": "sum"} | arguments)),
    )
    return regression, designs, label, weights


def dense_loss(loss, designs, label, weights):
    def value(kernel):
        fits = [FORMULAS[loss](np.abs(design @ kernel - label), label).sum() for design in designs]
        return weights @ fits + RIDGE * kernel @ kernel

    return value


def dense_minimum(loss):
    """The minimiser by a general method that knows nothing of least squares."""
    _, designs, label, weights = small_problem()
    value = dense_loss(loss, designs, label, weights)
    unknowns = designs[0].shape[-1]
    kernel = minimize(value, np.zeros(unknowns), method="BFGS", options={"gtol": 1e-9, "maxiter": 5000}).x
    return kernel.reshape(3, *KERNEL_HW), value
