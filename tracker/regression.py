"""The network that training sees: features, a differentiable filter, its response, and a box head."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.labels import gaussian_labels
from data.windows import hann2d
from tracker.backbones import BACKBONES, Backbone, build_backbone
from tracker.box_head import BoxHead, correction_between
from tracker.filter_layers import FILTER_LAYERS, FilterLayer

ENERGY = 40.0  # of a cell, as in tracker/features.py: λ means the same here and on line


class Regression(NamedTuple):
    """What the network says of a batch of pairs.

    Attributes:
        response: float32 ``(B, 1, h, w)``, zero displacement at ``(h//2, w//2)``.
        assumed: float32 ``(B, 4)``, box in search pixels: the template's size at the response's peak; None
            without a box head.
        correction: float32 ``(B, 4)``, what the box head says of that box (``tracker.box_head``), or None.
    """

    response: Tensor
    assumed: Tensor | None = None
    correction: Tensor | None = None


class RegressionNet(nn.Module):
    """Learns features through the filter that is fitted to them.

    Args:
        backbone: the features that are trained.
        filter_layer: fits the filter to the template.
        fixed: features that are not trained and stand beside the learned ones, so that these learn what those
            lack; or None.
        box_head: refines the box around the response's peak, or None.
        output_sigma_factor: standard deviation of the Gaussian label over ``sqrt(w h)`` of the target.
    """

    def __init__(
        self,
        backbone: Backbone,
        filter_layer: FilterLayer,
        *,
        fixed: Backbone | None = None,
        box_head: BoxHead | None = None,
        output_sigma_factor: float = 0.1,
    ) -> None:
        super().__init__()
        if fixed is not None and fixed.stride != backbone.stride:
            raise ValueError(
                f"fixed features must have the backbone's stride {backbone.stride}, got {fixed.stride}"
            )
        if not output_sigma_factor > 0:
            raise ValueError(f"output_sigma_factor must be > 0, got {output_sigma_factor}")
        self.backbone = backbone
        self.filter_layer = filter_layer
        self.fixed = fixed
        self.box_head = box_head
        self.output_sigma_factor = output_sigma_factor

    @property
    def stride(self) -> int:
        """Crop pixels per cell of the response."""
        return self.backbone.stride

    def forward(self, template: Tensor, template_bbox: Tensor, search: Tensor) -> Regression:
        """Fit to the templates, respond to the search regions.

        Args:
            template: float32 ``(B, 3, S, S)`` RGB in [0, 255], the target in its middle.
            template_bbox: float32 ``(B, 4)``, x, y, w, h in template pixels, 0-based.
            search: float32 ``(B, 3, S, S)``.
        """
        known, seen = self._features(template, search)
        size_hw = (known.shape[-2], known.shape[-1])
        window = hann2d(*size_hw).to(known)
        label = self.label(template_bbox, template_bbox, size_hw)
        mask = middle_mask(template_bbox[:, 2:] / self.stride, size_hw)
        response = self.filter_layer(known * window, label, mask, seen * window)
        if self.box_head is None:
            return Regression(response)
        assumed = box_at_peak(response, template_bbox, self.stride)
        correction = self.box_head(
            known, _in_cells(template_bbox, self.stride), seen, _in_cells(assumed, self.stride)
        )
        return Regression(response, assumed, correction.float())

    def label(self, bbox: Tensor, template_bbox: Tensor, size_hw: tuple[int, int]) -> Tensor:
        """Label ``(B, 1, h, w)`` of targets ``bbox`` ``(B, 4)``; its width goes by the template's target."""
        sigma = self.output_sigma_factor * template_bbox[:, 2:].prod(1).sqrt() / self.stride
        return gaussian_labels(bbox, sigma, size_hw, self.stride)

    def _features(self, template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        """Features of both, each block centred and scaled by what the template shows (``tracker/features.py``)."""
        images = torch.cat([template, search])
        blocks = [self.backbone(images)]
        if self.fixed is not None:
            with torch.no_grad():
                blocks += self.fixed(images).split(self.fixed.blocks, dim=1)
        channels = sum(block.shape[1] for block in blocks)
        known, seen = [], []
        for block in blocks:
            first, second = block.float().chunk(2)
            mean = first.mean((2, 3), keepdim=True)
            first, second = first - mean, second - mean
            energy = first.square().sum(1).mean((1, 2))
            gain = (ENERGY * first.shape[1] / channels / energy.clamp_min(1e-6)).sqrt().view(-1, 1, 1, 1)
            known.append(first * gain)
            seen.append(second * gain)
        return torch.cat(known, dim=1), torch.cat(seen, dim=1)


def build_regression_net(
    *,
    backbone: str = "compact",
    widths: Sequence[int] | None = None,
    initial: str | None = None,
    fixed: str | None = "hog+color",
    filter: str = "spatial",
    box_head: bool = True,
    output_sigma_factor: float = 0.1,
    **filter_settings: float,
) -> RegressionNet:
    """Build a network for training from names and numbers.

    Args:
        backbone: registered name of the features that are trained.
        widths: channels of its layers, where it has them to choose.
        initial: weights file that its training starts from; None for random weights.
        fixed: registered names, joined by ``+``, of features that stand beside the learned ones; or None.
        filter: registered name of the filter layer, ``ridge`` or ``spatial``.
        box_head: train a box head.
        output_sigma_factor: standard deviation of the label over ``sqrt(w h)`` of the target.
        filter_settings: arguments of the filter layer.

    Raises:
        ValueError, FileNotFoundError: an unknown name, a value out of its range, a weights file that does not fit.
    """
    learned = BACKBONES[backbone](initial, **({} if widths is None else {"widths": widths}))
    still = None if fixed is None else build_backbone(fixed)
    channels = learned.channels + (still.channels if still else 0)
    return RegressionNet(
        learned,
        FILTER_LAYERS[filter](**filter_settings),
        fixed=still,
        box_head=BoxHead(channels) if box_head else None,
        output_sigma_factor=output_sigma_factor,
    )


def middle_mask(size_wh: Tensor, map_hw: tuple[int, int]) -> Tensor:
    """1 on boxes of sizes ``(B, 2)`` in cells that stand in the middle of a map, else 0: ``(B, 1, h, w)``."""
    height, width = map_hw
    rows = (torch.arange(height, device=size_wh.device) - (height - 1) / 2).abs() * 2
    columns = (torch.arange(width, device=size_wh.device) - (width - 1) / 2).abs() * 2
    inside_rows = rows <= size_wh[:, 1:].clamp_min(1)
    inside_columns = columns <= size_wh[:, :1].clamp_min(1)
    return (inside_rows[:, :, None] & inside_columns[:, None, :])[:, None].to(size_wh.dtype)


def box_at_peak(response: Tensor, template_bbox: Tensor, stride: int) -> Tensor:
    """The template's box ``(B, 4)`` moved, in pixels, to where the response peaks; no gradient passes."""
    height, width = response.shape[-2:]
    index = response.detach().flatten(1).argmax(1)
    row, column = index // width, index % width
    displacement = torch.stack([column - width // 2, row - height // 2], dim=1) * stride
    middle = torch.tensor([width * stride - 1, height * stride - 1], device=response.device) / 2
    size = template_bbox[:, 2:]
    return torch.cat([middle + displacement - (size - 1) / 2, size], dim=1)


def box_loss(regression: Regression, search_bbox: Tensor) -> Tensor:
    """Smooth L1 distance of the box head's corrections to the true ones, mean over the batch.

    Pairs whose peak missed the target by more than half of its size tell nothing of its box and count as 0.

    Args:
        regression: of a net with a box head.
        search_bbox: float32 ``(B, 4)``, where the targets are, in search pixels.
    """
    wanted = correction_between(regression.assumed, search_bbox)
    hit = (wanted[:, :2].abs() < 0.5).all(1, keepdim=True)
    distance = F.smooth_l1_loss(regression.correction, wanted, beta=0.05, reduction="none")
    return (distance * hit).sum(1).mean()


def _in_cells(bbox: Tensor, stride: int) -> Tensor:
    """Boxes in pixels as boxes in cells: a cell is the mean of its pixels, its centre the middle of them."""
    return torch.cat([(bbox[:, :2] + 0.5) / stride - 0.5, bbox[:, 2:] / stride], dim=1)
