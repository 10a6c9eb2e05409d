"""NanoTrack's published box head, which ONNX Runtime runs at our filter's peak."""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from data.files import sha256_of
from tracker.backbones.cells import recover_level
from tracker.backbones.mobile import Mobile
from tracker.backbones.weights import onnx_file
from tracker.network.box_head import CELLS, BoxMap, Template
from tracker.network.onnx_engine import OnnxSession

STRIDE = 16
"""Crop pixels per cell of the level that the head takes, the last of the backbone ``mobile``."""

CHANNELS = 48
"""Channels of that level."""

CELLS_SEARCHED = 16
"""Side in cells of the search map, which the published graph fixes."""


class NanoTrackHead:
    """Predicts the box at every cell from template and search map; used as ``BoxHead`` is, on crops of 256 pixels.

    Args:
        file: ``nanotrack_head_sim.onnx`` of NanoTrack v2 (https://github.com/HonglinChu/SiamTrackers, Apache-2.0).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged or another network.
        ModuleNotFoundError: ``onnx`` or ``onnxruntime`` is missing.
    """

    stride = STRIDE

    def __init__(self, file: Path) -> None:
        with onnx_file(file, "NanoTrack's box head") as model:
            self._session = OnnxSession(model, ["input1", "input2"], ["output1", "output2"])
        self._sha256 = sha256_of(file)

    def settings(self) -> dict[str, Any]:
        """Class and checksum of the file."""
        return {"class": type(self).__name__, "sha256": self._sha256}

    def start(self, features: Tensor, bbox: Tensor) -> Template:
        """Keep the middle of the map ``(B, C, h, w)`` of a crop with the target in the middle; see ``BoxHead.start``.

        The template's ``look`` is the level itself, ``(B, CELLS², CHANNELS)``; the head needs no ``extent``. Raises
        ``ValueError`` for a map of another size than the published network's.
        """
        level = _level(features)
        if level.shape[-2:] != (CELLS_SEARCHED, CELLS_SEARCHED):
            height, width = (STRIDE * cells for cells in level.shape[-2:])
            raise ValueError(
                f"NanoTrack's box head takes crops of {STRIDE * CELLS_SEARCHED} pixels, got {width}x{height}: "
                "leave crop_size out"
            )
        first = (CELLS_SEARCHED - CELLS) // 2
        middle = level[..., first : first + CELLS, first : first + CELLS]
        look = middle.flatten(2).transpose(1, 2)
        return Template(look, look.new_zeros(*look.shape[:2], 0), bbox[:, 2:].prod(1).sqrt())

    def __call__(self, template: Template, features: Tensor) -> BoxMap:
        """Predict the box of the template's target at every cell; see ``BoxHead.forward``.

        NanoTrack's cell ``i`` stands for pixel ``16 i``, with pixels' corners at whole numbers. As a map of ours has
        its cells' centres half a cell further, each cell's box is the mean of those of the four around its centre.
        """
        looks = template.look.transpose(1, 2).unflatten(2, (CELLS, CELLS))
        pairs = zip(looks.split(1), _level(features).split(1), strict=True)
        said = [self._session(look, level) for look, level in pairs]
        logits, edges = (torch.cat(each) for each in zip(*said, strict=True))
        pixel = STRIDE * torch.arange(edges.shape[-1], dtype=torch.float32)
        left, top, right, bottom = edges.unbind(1)
        bbox = torch.stack([pixel - left, pixel[:, None] - top, left + right, top + bottom], dim=1)
        return BoxMap(_between(bbox), _between(logits[:, 1:] - logits[:, :1]), STRIDE)


def _between(values: Tensor) -> Tensor:
    """The means of four neighbouring cells each, the last row and column repeated."""
    return F.avg_pool2d(F.pad(values, (0, 1, 0, 1), mode="replicate"), 2, stride=1)


def _level(features: Tensor) -> Tensor:
    return recover_level(features[:, -CHANNELS:].cpu(), STRIDE, Mobile.stride)
