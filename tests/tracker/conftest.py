"""Fixtures that several of the tracker's tests share."""

from tests.material.backbones import images, squeezenet_tensors  # noqa: F401
from tests.material.checkpoints import checkpoint  # noqa: F401
