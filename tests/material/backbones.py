"""Images, and weights files of a SqueezeNet of random weights."""

import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (2, 3, 8, 10)).repeat(4, axis=2).repeat(4, axis=3)
    return torch.from_numpy(0.6 * coarse + 0.4 * rng.integers(0, 256, (2, 3, 32, 40))).float()


@pytest.fixture(scope="module")
def squeezenet_tensors():
    """Random weights under torchvision's names, with the classifier that the tracker does not need."""
    generator = torch.Generator().manual_seed(0)
    fires = {3: (96, 16, 64), 4: (128, 16, 64), 5: (128, 32, 128), 7: (256, 32, 128)}
    fires |= {8: (256, 48, 192), 9: (384, 48, 192), 10: (384, 64, 256), 12: (512, 64, 256)}
    shapes = {"features.0": (96, 3, 7, 7), "classifier.1": (1000, 512, 1, 1)}
    for index, (channels, squeezed, expanded) in fires.items():
        shapes[f"features.{index}.squeeze"] = (squeezed, channels, 1, 1)
        shapes[f"features.{index}.expand1x1"] = (expanded, squeezed, 1, 1)
        shapes[f"features.{index}.expand3x3"] = (expanded, squeezed, 3, 3)
    tensors = {}
    for name, shape in shapes.items():
        tensors[f"{name}.weight"] = torch.randn(shape, generator=generator) / math.sqrt(math.prod(shape[1:]))
        tensors[f"{name}.bias"] = 0.1 * torch.randn(shape[0], generator=generator)
    return tensors


def write_weights(path, tensors):
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    elif path.suffix == ".npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in tensors.items()})
    else:
        torch.save(tensors, path)
    return path
