"""The interface of backbones, and their construction by name, alone or several side by side."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from data.registry import Registry
from tracker.settings import describe, tensors_sha256


class Backbone(nn.Module):
    """Turns crops into feature maps.

    Attributes:
        stride: crop pixels per feature cell.
        blocks: number of channels of each kind of feature, in order.
        takes_weights: the constructor takes the path of a weights file, or None for the published ones.
    """

    stride: int
    blocks: tuple[int, ...]
    takes_weights: bool = False

    @property
    def channels(self) -> int:
        """Number of feature channels."""
        return sum(self.blocks)

    def settings(self) -> dict[str, Any]:
        """Return class and checksum of the tensors, which determine the features, as JSON values."""
        return {
            "class": type(self).__name__,
            "stride": self.stride,
            "blocks": list(self.blocks),
            "sha256": tensors_sha256(self.state_dict()),
        }

    def forward(self, images: Tensor) -> Tensor:
        """Extract features float32 ``(B, channels, H/stride, W/stride)`` of RGB images ``(B, 3, H, W)`` in [0, 255]."""
        raise NotImplementedError

    def stages(self, images: Tensor, instead: Callable[[int, Tensor], Tensor] | None = None) -> "list[Stage]":
        """Compute the outputs that distillation compares: by default the features, block by block.

        Args:
            images: float32 ``(B, 3, H, W)`` RGB in [0, 255].
            instead: takes the number of a stage and its features ``(B, C, h, w)``, and returns the input of the next
                layer; not used by a backbone that shows no layers.
        """
        return [Stage(block, True) for block in self(images).split(self.blocks, dim=1)]


class Stage(NamedTuple):
    """The output of a part of a backbone.

    Attributes:
        features: float32 ``(B, C, h, w)``.
        is_used: whether the tracker uses these features.
    """

    features: Tensor
    is_used: bool


BACKBONES: Registry[type[Backbone]] = Registry("backbone", "tracker.backbones")


class Concatenation(Backbone):
    """Several backbones of one stride side by side; their channels are concatenated."""

    def __init__(self, backbones: list[Backbone]) -> None:
        super().__init__()
        strides = {backbone.stride for backbone in backbones}
        if len(strides) != 1:
            raise ValueError(f"backbones side by side must have one stride, got {sorted(strides)}")
        self.parts = nn.ModuleList(backbones)
        self.backbones = tuple(backbones)
        self.stride = strides.pop()
        self.blocks = tuple(block for backbone in backbones for block in backbone.blocks)

    def settings(self) -> dict[str, Any]:
        """Return the parts' settings, in order."""
        return {"class": type(self).__name__, "parts": [describe(part) for part in self.parts]}

    def forward(self, images: Tensor) -> Tensor:
        """Concatenate the features of all parts along the channels."""
        return torch.cat([part(images) for part in self.parts], dim=1)


def parts_of(backbone: Backbone) -> list[Backbone]:
    """List the backbones side by side that a backbone consists of: of all but a `Concatenation` itself."""
    return list(backbone.backbones) if isinstance(backbone, Concatenation) else [backbone]


def side_by_side(backbones: list[Backbone]) -> Backbone:
    """Make one backbone of several, or return the only one."""
    return backbones[0] if len(backbones) == 1 else Concatenation(backbones)


def build_backbone(name: str, weights: str | None = None) -> Backbone:
    """Build a registered backbone, or several joined by ``+``, e.g. ``"hog+color"``.

    Args:
        name: registered names; see ``BACKBONES``.
        weights: file for the one backbone that takes weights, or None for its default.

    Raises:
        ValueError: an unknown name (the message suggests the nearest), or weights for backbones without weights.
    """
    classes = [BACKBONES[part.strip()] for part in name.split("+")]
    learned = [cls for cls in classes if cls.takes_weights]
    if weights is not None and len(learned) != 1:
        raise ValueError(
            f"weights are for one backbone that takes them, got {weights!r} for backbone {name!r}"
        )
    backbones = [cls(weights) if cls.takes_weights else cls() for cls in classes]
    return side_by_side(backbones).eval().requires_grad_(False)
