"""The box head: distances to the target's left, top, right and bottom edge from every cell of the search map."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.labels import tensor_center

CELLS = 8
"""Side of the template in cells: the middle of its map, twice the target's side in the crops of training."""

LOG_LARGEST = 3.0
"""Logarithm of the largest distance in target sizes; it lies outside any crop and keeps ``exp`` finite."""


class Template(NamedTuple):
    """The box head's memory of the frame in which the target's box is known.

    Attributes:
        look: unit vectors, float ``(B, CELLS², hidden)``, one for each cell of the template.
        extent: float ``(B, CELLS², 5)``: left, top, right, bottom distance of each cell to the target's edges in
            target sizes, negative outside, and whether the cell is inside (1 or 0).
        size: float ``(B,)``, ``sqrt(w h)`` of the target in crop pixels.
    """

    look: Tensor
    extent: Tensor
    size: Tensor


class BoxMap(NamedTuple):
    """The box head's output at every cell of the search map.

    Attributes:
        bbox: float32 ``(B, 4, h, w)``, x, y, w, h in crop pixels, 0-based: the box predicted at each cell.
        logit: float32 ``(B, 1, h, w)``; its sigmoid is the expected overlap (IoU) of each box with the target's.
        stride: crop pixels per cell.
    """

    bbox: Tensor
    logit: Tensor
    stride: int

    def only(self, index: int) -> "BoxMap":
        """The map of one crop of the batch, ``B`` = 1."""
        return BoxMap(self.bbox[index : index + 1], self.logit[index : index + 1], self.stride)


class Separable(nn.Module):
    """A depthwise and a pointwise convolution, both normalised, added to the input (Howard et al., 2017)."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False
        )
        self.first = nn.BatchNorm2d(channels)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.second = nn.BatchNorm2d(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Compute features of the same shape ``(B, C, h, w)``."""
        found = F.hardswish(self.first(self.depthwise(features)))
        return features + self.second(self.pointwise(found))


class BoxHead(nn.Module):
    """Compares every cell of the search map with every cell of the template and predicts the target's edges.

    Pixel-wise correlation keeps the template's layout: each cell of the template gives a channel of cosines (Liao et
    al., PG-Net, ECCV 2020). The mean, weighted by the cosines, of the template cells' distances to the edges of the
    given box is the prediction for a rigid target, and keeps the margin of loose and tight boxes. From cosines, mean
    and search features, separable convolutions predict the distances to the four edges (Tian et al., FCOS, ICCV 2019)
    and the expected overlap (Jiang et al., IoU-Net, ECCV 2018).

    Args:
        channels: channels of the backbone's features, which the head standardises itself.
        stride: crop pixels per cell of the features.
        patch: side, in cells of the features, of a cell of the head.
        hidden: channels that are compared.
        width: channels of the convolutions.
        depth: number of separable convolutions.
    """

    def __init__(
        self,
        channels: int,
        stride: int,
        *,
        patch: int = 2,
        hidden: int = 64,
        width: int = 96,
        depth: int = 4,
    ) -> None:
        super().__init__()
        self.stride, self.patch = stride * patch, patch
        self.standardise = nn.BatchNorm2d(channels, affine=False)
        self.embed = nn.Conv2d(channels, hidden, patch, stride=patch)
        self.log_sharpness = nn.Parameter(torch.tensor(2.3))
        self.mix = nn.Conv2d(CELLS**2 + 5 + hidden, width, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.convolutions = nn.Sequential(*(Separable(width, 5) for _ in range(depth)))
        self.read = nn.Conv2d(width, 5, 1)
        self.read.weight.data.mul_(0.1)
        self.read.bias = nn.Parameter(
            torch.tensor([-0.7, -0.7, -0.7, -0.7, 0.0])
        )  # half a target to every side

    def start(self, features: Tensor, bbox: Tensor) -> Template:
        """Make the template from the middle of a map.

        Args:
            features: float ``(B, channels, h, w)`` of a crop with the target in the middle.
            bbox: float ``(B, 4)``, x, y, w, h in crop pixels, 0-based.

        Raises:
            ValueError: the map is smaller than the template, or has no middle of that many cells.
        """
        look = self._embed(features)
        height, width = look.shape[-2:]
        check_template(height, width, self.stride)
        top, left = (height - CELLS) // 2, (width - CELLS) // 2
        middle = look[..., top : top + CELLS, left : left + CELLS].flatten(2).transpose(1, 2)
        pixel = cell_centers((height, width), self.stride, bbox)[top : top + CELLS, left : left + CELLS]
        size = bbox[:, 2:].prod(1).sqrt()
        extent = distances(pixel.flatten(0, 1), bbox[:, None]) / size[:, None, None]
        inside = (extent > 0).all(2, keepdim=True)
        return Template(
            F.normalize(middle, dim=2, eps=1e-3), torch.cat([extent, inside], 2).to(look), size.float()
        )

    def forward(self, template: Template, features: Tensor) -> BoxMap:
        """Predict the box of the template's target at every cell of search maps.

        Args:
            template: the result of ``start``.
            features: float ``(B, channels, h, w)`` of search crops with the target about as large as in the template.
        """
        look = self._embed(features)
        cosine = template.look @ F.normalize(look, dim=1, eps=1e-3).flatten(2)  # (B, CELLS², cells)
        share = (cosine * self.log_sharpness.exp()).softmax(1)
        expected = template.extent.transpose(1, 2) @ share
        seen = torch.cat([cosine, expected], 1).unflatten(2, look.shape[-2:])
        mixed = F.hardswish(self.norm(self.mix(torch.cat([seen, look], 1))))
        found = self.read(self.convolutions(mixed)).float()
        reach = found[:, :4].clamp(max=LOG_LARGEST).exp() * template.size.view(-1, 1, 1, 1)
        pixel = cell_centers((look.shape[-2], look.shape[-1]), self.stride, reach).permute(2, 0, 1)
        corner = pixel + 0.5 - reach[:, :2]
        return BoxMap(torch.cat([corner, reach[:, :2] + reach[:, 2:]], 1), found[:, 4:], self.stride)

    def _embed(self, features: Tensor) -> Tensor:
        return F.hardswish(self.embed(self.standardise(features)))


def check_template(height: int, width: int, stride: int) -> None:
    """Refuse a map of a box head's cells that has no middle of ``CELLS`` by ``CELLS``."""
    if min(height, width) < CELLS or height % 2 or width % 2:
        raise ValueError(
            f"a box head needs maps of an even number of cells of {stride} pixels, at least {CELLS}, "
            f"got {height}x{width}: choose another crop_size"
        )


def cell_centers(size_hw: tuple[int, int], stride: int, like: Tensor) -> Tensor:
    """Compute the centres (x, y) of a map's cells in crop pixels, ``(h, w, 2)``: cell ``i`` at ``i s + (s-1)/2``."""
    down, across = (
        torch.arange(n, device=like.device, dtype=like.dtype) * stride + (stride - 1) / 2 for n in size_hw
    )
    return torch.stack(torch.meshgrid(across, down, indexing="xy"), dim=-1)


def distances(pixel: Tensor, bbox: Tensor) -> Tensor:
    """Compute distances ``(…, 4)`` in pixels of points ``(…, 2)`` to left, top, right, bottom edge of boxes ``(…, 4)``.

    A pixel's centre is half a pixel from the pixel's edges: the centre of a box of one pixel is .5 from all edges.
    """
    corner = pixel + 0.5 - bbox[..., :2]
    return torch.cat([corner, bbox[..., 2:] - corner], dim=-1)


def overlaps(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Compute IoU and generalised IoU ``(…)`` of boxes ``(…, 4)`` (Rezatofighi et al., CVPR 2019)."""
    end, other_end = first[..., :2] + first[..., 2:], second[..., :2] + second[..., 2:]
    common = (torch.minimum(end, other_end) - torch.maximum(first[..., :2], second[..., :2])).clamp_min(0)
    around = torch.maximum(end, other_end) - torch.minimum(first[..., :2], second[..., :2])
    intersection, hull = common.prod(-1), around.prod(-1).clamp_min(1e-6)
    union = (first[..., 2:].prod(-1) + second[..., 2:].prod(-1) - intersection).clamp_min(1e-6)
    iou = intersection / union
    return iou, iou - (hull - union) / hull


CORE = 0.3
"""Cells within this share of the target's width and height of its centre learn its box, because filters peak there."""


def box_loss(said: BoxMap, bbox: Tensor) -> Tensor:
    """Compute the training loss of the box head.

    In the cells in the middle of the target it is ``1 − GIoU`` plus half the absolute error of log width and log
    height. Added is the cross-entropy of the expected overlap: against the overlap in the middle, and against 0 outside
    the target.

    Args:
        said: the head's output for the search crops.
        bbox: float32 ``(B, 4)``, the true boxes in search pixels.

    Returns:
        float32 scalar, mean over the batch.
    """
    found = said.bbox.permute(0, 2, 3, 1)
    true = bbox[:, None, None]
    pixel = cell_centers((found.shape[1], found.shape[2]), said.stride, found)
    away = (pixel - tensor_center(true)).abs()
    core = (away <= (CORE * true[..., 2:]).clamp_min(said.stride / 2)).all(-1).float()
    outside = (away > true[..., 2:] / 2 + said.stride / 2).any(-1).float()
    iou, _ = overlaps(found.detach(), true)
    loss = _share(_box_error(found, true), core)
    wanted = iou * core
    doubt = F.binary_cross_entropy_with_logits(said.logit[:, 0], wanted, reduction="none")
    loss = loss + _share(doubt, core) + _share(doubt, outside)
    return loss.mean()


def _box_error(found: Tensor, true: Tensor) -> Tensor:
    _, giou = overlaps(found, true)
    logs = (found[..., 2:].clamp_min(1e-3).log() - true[..., 2:].clamp_min(1e-3).log()).abs().sum(-1)
    return 1 - giou + 0.5 * logs


def _share(values: Tensor, weights: Tensor) -> Tensor:
    """Compute the weighted mean over the cells of each map, ``(B,)``; 0 if all weights are 0."""
    return (values * weights).sum((1, 2)) / weights.sum((1, 2)).clamp_min(1)
