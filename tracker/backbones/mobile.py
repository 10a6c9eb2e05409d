"""Mobile networks: depthwise blocks with squeeze-excitation, their levels resampled to one map."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tracker.backbones.base import BACKBONES, Backbone, Stage
from tracker.backbones.cells import place_cells
from tracker.backbones.pretrained import ImageInput, with_input
from tracker.backbones.weights import load_into, onnx_file, own_tensors, read_weights


class Block(NamedTuple):
    """The shape of a block.

    Attributes:
        channels: input channels.
        expanded: channels of the depthwise convolution.
        out: output channels; a block of stride 1 with ``out == channels`` adds its input to its output.
        kernel: side of the depthwise convolution, odd.
        stride: stride of the depthwise convolution.
        squeezed: channels between the two layers of the squeeze-excitation; None: no squeeze-excitation.
        hard_swish: the activation is hard-swish, else ReLU.
    """

    channels: int
    expanded: int
    out: int
    kernel: int
    stride: int
    squeezed: int | None
    hard_swish: bool


STEM = 16
"""Channels of the first convolution, 3x3 with stride 2."""

LAYOUT = (
    Block(16, 16, 16, 3, 2, 8, False),
    Block(16, 72, 24, 3, 2, None, False),
    Block(24, 88, 24, 3, 1, None, False),
    Block(24, 96, 40, 5, 2, 24, True),
    Block(40, 240, 40, 5, 1, 64, True),
    Block(40, 240, 40, 5, 1, 64, True),
    Block(40, 120, 48, 5, 1, 32, True),
    Block(48, 144, 48, 5, 1, 40, True),
)
"""MobileNetV3-Small (Howard et al., ICCV 2019, table 2) up to stride 16, as NanoTrack has it: 188,208 weights."""


class ConvNorm(nn.Module):
    """A convolution padded by half its kernel at either end, and batch normalisation.

    Args:
        channels: input channels.
        out: output channels.
        kernel: side, odd.
        stride: stride in cells.
        groups: groups of channels; ``channels`` for a depthwise convolution.
    """

    def __init__(self, channels: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, features: Tensor) -> Tensor:
        """Compute features ``(B, out, h/stride, w/stride)`` of features ``(B, channels, h, w)``."""
        return self.norm(self.conv(features))

    def set_folded(self, weight: Tensor, bias: Tensor) -> None:
        """Set the convolution to ``weight`` and ``bias``; the normalisation then only adds the bias."""
        self.norm.reset_running_stats()  # mean 0, variance 1
        with torch.no_grad():
            self.conv.weight.copy_(weight)
            self.norm.bias.copy_(bias)
            self.norm.weight.fill_((1.0 + self.norm.eps) ** 0.5)


class SqueezeExcitation(nn.Module):
    """Squeeze-excitation with a hard sigmoid (Hu et al., CVPR 2018): the means of all channels weight each channel."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, squeezed)
        self.excite = nn.Linear(squeezed, channels)

    def forward(self, features: Tensor) -> Tensor:
        """Features of the same shape ``(B, C, h, w)``."""
        gate = F.hardsigmoid(self.excite(F.relu(self.squeeze(features.mean((2, 3))))))
        return features * gate[:, :, None, None]


class MobileBlock(nn.Module):
    """Expansion, depthwise convolution, squeeze-excitation and projection (Howard et al., ICCV 2019, figure 4).

    The activation follows the squeeze-excitation, in a block without expansion it comes before.
    """

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.block = block
        self.expand = ConvNorm(block.channels, block.expanded) if block.expanded != block.channels else None
        self.depthwise = ConvNorm(
            block.expanded, block.expanded, block.kernel, block.stride, groups=block.expanded
        )
        self.excitation = (
            SqueezeExcitation(block.expanded, block.squeezed) if block.squeezed is not None else None
        )
        self.project = ConvNorm(block.expanded, block.out)

    def forward(self, features: Tensor) -> Tensor:
        """Features ``(B, out, h/stride, w/stride)`` of features ``(B, channels, h, w)``."""
        activation = F.hardswish if self.block.hard_swish else F.relu
        expanded = features if self.expand is None else activation(self.expand(features))
        found = self.depthwise(expanded)
        if self.expand is None:
            found = activation(found)
        if self.excitation is not None:
            found = self.excitation(found)
        if self.expand is not None:
            found = activation(found)
        projected = self.project(found)
        kept = self.block.stride == 1 and self.block.channels == self.block.out
        return features + projected if kept else projected


class MobileLevels(nn.Module):
    """The convolutions, from an image to the features of the last block of each stride.

    Args:
        layout: blocks in order.
        strides: strides of the levels, in crop pixels per cell.
    """

    def __init__(self, layout: Sequence[Block], strides: Sequence[int]) -> None:
        super().__init__()
        self.stem = ConvNorm(3, STEM, 3, stride=2)
        self.blocks = nn.ModuleList(MobileBlock(block) for block in layout)
        self.strides = tuple(strides)
        reached = [2]
        for block in layout:
            reached.append(reached[-1] * block.stride)
        ends = {now: i for i, (now, after) in enumerate(pairwise([*reached, 0])) if now != after}
        if not set(strides) <= set(ends):
            raise ValueError(f"levels must be of the strides {sorted(ends)}, got {tuple(strides)}")
        self.ends = [ends[stride] for stride in strides]
        widths = [STEM, *(block.out for block in layout)]
        self.channels = tuple(widths[end] for end in self.ends)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Compute features ``(B, C, ceil(H/stride), ceil(W/stride))`` of each level."""
        found = self.outputs(images)
        return [found[end] for end in self.ends]

    def outputs(self, images: Tensor, instead: Callable[[int, Tensor], Tensor] | None = None) -> list[Tensor]:
        """Compute the features of the stem and of every block up to the last level; see ``Backbone.stages``."""
        found = [F.hardswish(self.stem(images))]
        for index, block in enumerate(self.blocks[: max(self.ends)]):
            found.append(block(found[-1] if instead is None else instead(index, found[-1])))
        return found


@BACKBONES.register("mobile")
class Mobile(Backbone):
    """Levels of a mobile network on a map of stride 8: strides 8 (24 channels) and 16 (48).

    Args:
        weights: a ``.onnx`` file of NanoTrack's backbone (batch normalisation folded), a checkpoint of the ``train``
            command or another weights file of this network; None for random weights, from which training starts.

    Raises:
        FileNotFoundError, ValueError: a weights file that is missing, damaged or of another net.
        ModuleNotFoundError: a ``.onnx`` file without the package ``onnx``.
    """

    stride = 8
    levels: tuple[int, ...] = (8, 16)
    takes_weights = True

    def __init__(self, weights: str | Path | None = None) -> None:
        super().__init__()
        published = weights is not None and Path(weights).suffix == ".onnx"
        self.input = ImageInput(
            (0, 1, 2), [0.0 if published else 114.0] * 3, [1.0 if published else 60.0] * 3
        )
        self.network = MobileLevels(LAYOUT, self.levels)
        self.blocks = self.network.channels
        if published:
            load_onnx(self.network, Path(str(weights)))
        elif weights is not None:
            load_into(self, with_input(own_tensors(read_weights(weights)), self.input), str(weights))
        # On a CPU in half the time. (torch's stubs lack the argument.)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """Extract features float32 ``(B, C, H/stride, W/stride)`` of RGB images ``(B, 3, H, W)`` in [0, 255]."""
        size = images.shape[-2] // self.stride, images.shape[-1] // self.stride
        levels = zip(self.levels, self.network(self._prepared(images)), strict=True)
        return torch.cat([place_cells(level, stride, self.stride, size) for stride, level in levels], dim=1)

    def stages(self, images: Tensor, instead: Callable[[int, Tensor], Tensor] | None = None) -> list[Stage]:
        """Compute the output of the stem and of every block on its own map; the tracker uses those of the levels."""
        outputs = self.network.outputs(self._prepared(images), instead)
        return [Stage(features, index in self.network.ends) for index, features in enumerate(outputs)]

    def _prepared(self, images: Tensor) -> Tensor:
        prepared: Tensor = self.input(images)
        return prepared.contiguous(memory_format=torch.channels_last)


@BACKBONES.register("mobile4")
class MobileStride4(Mobile):
    """Levels of a mobile network on a map of stride 4: strides 4 (16 channels), 8 (24) and 16 (48)."""

    stride = 4
    levels = (4, 8, 16)


def load_onnx(network: MobileLevels, file: Path) -> None:
    """Copy the convolutions and linear layers of an ONNX file, in their order, into ``network``.

    Raises:
        ModuleNotFoundError: the package ``onnx`` is missing.
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or of another network.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, ConvNorm | nn.Linear)]
    found = read_onnx(file)
    for index, layer in enumerate(layers):
        target = layer.conv.weight if isinstance(layer, ConvNorm) else layer.weight
        got = tuple(found[index][0].shape) if index < len(found) else None
        if len(found) != len(layers) or got != tuple(target.shape):
            raise ValueError(
                f"weights {file} must be of NanoTrack's backbone: its layer {index} of {len(layers)} has weights "
                f"{tuple(target.shape)}, got {got} of {len(found)}"
            )
        weight, bias = found[index]
        if isinstance(layer, ConvNorm):
            layer.set_folded(weight, bias)
        else:
            layer.load_state_dict({"weight": weight, "bias": bias})


def read_onnx(file: Path) -> list[tuple[Tensor, Tensor]]:
    """Read weight and bias of every convolution and linear layer of an ONNX file, in the order of their use."""
    with onnx_file(file, "a network's weights") as model:
        from onnx import numpy_helper

        tensors = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
        layers = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]
        pairs = [[torch.from_numpy(tensors[name].copy()) for name in node.input[1:]] for node in layers]
        return [(weight, bias) for weight, bias in pairs]
