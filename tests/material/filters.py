"""A memory of random samples, and the regression on it solved as one dense problem."""

import numpy as np
import torch

from data.labels import gaussian_label
from tracker.filters.memory import SampleMemory

SIZES = [(6, 6), (5, 7), (6, 5)]


def make_memory(size_hw, samples=3, channels=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(samples, channels, *size_hw, generator=generator)
    labels = [gaussian_label(size_hw, 1.0, (0.3 * i, -0.2 * i)) for i in range(samples)]
    spectra = torch.fft.rfft2(features)
    memory = SampleMemory(samples, spectra[0], labels[0])
    for sample, label in zip(spectra[1:], labels[1:], strict=True):
        memory.add(sample, label, 0.3)
    return memory, features.double().numpy(), np.array([label.double().numpy() for label in labels])


def dense_ridge(features, labels, weights, regularisation, support):
    """Solve the regression as one dense least-squares problem in float64: a row a sample and displacement."""
    _, channels, height, width = features.shape
    rows, targets = [], []
    for x, label, weight in zip(features, labels, weights, strict=True):
        for dy in range(height):
            for dx in range(width):
                # (x ⋆ w)(u) = Σ_t x(t + u) w(t), circular; u = 0 stands at (h//2, w//2) of the label.
                shifted = np.roll(x, (-(dy - height // 2), -(dx - width // 2)), axis=(1, 2))
                rows.append(np.sqrt(weight) * shifted[(slice(None), *support)].ravel())
                targets.append(np.sqrt(weight) * label[dy, dx])
    design, target = np.array(rows), np.array(targets)
    solution = np.linalg.solve(
        design.T @ design + regularisation * np.eye(design.shape[1]), design.T @ target
    )
    return solution.reshape(channels, *(axis.stop - axis.start for axis in support))
