"""The network for training: features, a differentiable filter, its response, and a box head."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from data.labels import gaussian_labels
from tracker.backbones import BACKBONES, Backbone, build_backbone
from tracker.backbones.base import Concatenation
from tracker.checks import positive
from tracker.features import ENERGY, hann2d
from tracker.network.box_head import BoxHead, BoxMap
from tracker.network.filter_layers import FILTER_LAYERS, FilterLayer


class TrainingCrops(NamedTuple):
    """The crops of a network's training, which determine the size in pixels of the targets it has seen.

    Attributes:
        crop_size: side of a crop in crop pixels.
        search_area_scale: side of a crop over ``sqrt(w h)`` of the target.
    """

    crop_size: int
    search_area_scale: float


class NetworkOutput(NamedTuple):
    """The network's output for a batch of pairs.

    Attributes:
        response: float32 ``(B, 1, h, w)``, zero displacement at ``(h//2, w//2)``.
        features: float32 ``(B, C, h, w)``, the filter's features of the search crops, reduced and windowed.
        boxes: the box at every cell of the search map; None without a box head.
    """

    response: Tensor
    features: Tensor
    boxes: BoxMap | None


class RegressionNet(nn.Module):
    """Features, a filter that is fitted to them, and a box head, trained together.

    Args:
        backbone: the trained features.
        filter_layer: fits the filter to the template.
        fixed: features beside the trained ones that are not trained, and which the trained features complement; or
            None.
        channels: channels to which a learned linear map reduces all features before the filter; or None.
        box_head: predicts the target's box at every cell of the search map; or None.
        box_trains_features: let gradients of the box head's loss reach the features.
        output_sigma_factor: standard deviation of the Gaussian label over ``sqrt(w h)`` of the target.
        crops: the crops of the training, if known; trackers use the same crops by default.
    """

    def __init__(
        self,
        backbone: Backbone,
        filter_layer: FilterLayer,
        *,
        fixed: Backbone | None = None,
        channels: int | None = None,
        box_head: BoxHead | None = None,
        box_trains_features: bool = False,
        output_sigma_factor: float = 0.1,
        crops: TrainingCrops | None = None,
    ) -> None:
        super().__init__()
        if fixed is not None and fixed.stride != backbone.stride:
            raise ValueError(
                f"fixed features must have the backbone's stride {backbone.stride}, got {fixed.stride}"
            )
        self.backbone = backbone
        self.filter_layer = filter_layer
        self.fixed = fixed
        self.reduction: nn.Conv2d | None = None
        if channels is not None:
            self.reduction = nn.Conv2d(self.features.channels, channels, 1, bias=False)
            nn.init.orthogonal_(self.reduction.weight)
        self.box_head = box_head
        self.box_trains_features = box_trains_features
        self.output_sigma_factor = positive("output_sigma_factor", output_sigma_factor)
        self.crops = crops

    @property
    def stride(self) -> int:
        """Crop pixels per cell of the response."""
        return self.backbone.stride

    @property
    def features(self) -> Backbone:
        """All features as one backbone, the trained ones first."""
        return self.backbone if self.fixed is None else Concatenation([self.backbone, self.fixed])

    def forward(self, template: Tensor, template_bbox: Tensor, search: Tensor) -> NetworkOutput:
        """Fit filters to the templates and respond to the search regions.

        Args:
            template: float32 ``(B, 3, S, S)`` RGB in [0, 255], the target in the middle.
            template_bbox: float32 ``(B, 4)``, x, y, w, h in template pixels, 0-based.
            search: float32 ``(B, 3, S, S)``.
        """
        raw_known, raw_seen = self.features(torch.cat([template, search])).float().chunk(2)
        known, seen = self._standardised(raw_known, raw_seen)
        size_hw = (known.shape[-2], known.shape[-1])
        window = hann2d(*size_hw).to(known)
        filtered, searched = self._reduced(known, seen)
        label = self.label(template_bbox, template_bbox, size_hw)
        mask = middle_mask(template_bbox[:, 2:] / self.stride, size_hw)
        searched = searched * window
        response = self.filter_layer(filtered * window, label, mask, searched)
        if self.box_head is None:
            return NetworkOutput(response, searched, None)
        if not self.box_trains_features:
            raw_known, raw_seen = raw_known.detach(), raw_seen.detach()
        return NetworkOutput(
            response, searched, self.box_head(self.box_head.start(raw_known, template_bbox), raw_seen)
        )

    def label(self, bbox: Tensor, template_bbox: Tensor, size_hw: tuple[int, int]) -> Tensor:
        """Make labels ``(B, 1, h, w)`` of targets ``bbox`` ``(B, 4)``, with the width for the template's target."""
        sigma = self.output_sigma_factor * template_bbox[:, 2:].prod(1).sqrt() / self.stride
        return gaussian_labels(bbox, sigma, size_hw, self.stride)

    def standardisation(self, known: Tensor) -> tuple[Tensor, Tensor]:
        """Compute mean and gain ``(B, C, 1, 1)`` that centre templates' features and scale each block to its energy."""
        channels = known.shape[1]
        mean = known.mean((2, 3), keepdim=True)
        gains = []
        for block in (known - mean).split(self.features.blocks, dim=1):
            energy = block.square().sum(1).mean((1, 2)).clamp_min(1e-6)
            gain = (ENERGY * block.shape[1] / channels / energy).sqrt()
            gains.append(gain[:, None].expand(-1, block.shape[1]))
        return mean, torch.cat(gains, dim=1)[:, :, None, None]

    def _reduced(self, known: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Apply the learned reduction, if there is one, to both, and keep the mean energy of a template's cell."""
        if self.reduction is None:
            return known, seen
        known, seen = self.reduction(known).float(), self.reduction(seen).float()
        energy = known.square().sum(1).mean((1, 2)).clamp_min(1e-6)
        gain = (ENERGY / energy).sqrt()[:, None, None, None]
        return known * gain, seen * gain

    def _standardised(self, known: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Standardise the features of both by the template's statistics (see ``tracker/features.py``)."""
        mean, gain = self.standardisation(known)
        return (known - mean) * gain, (seen - mean) * gain


def build_regression_net(
    *,
    backbone: str = "compact",
    widths: Sequence[int] | None = None,
    initial: str | None = None,
    fixed: str | None = "hog+color",
    channels: int | None = 32,
    filter: str = "ridge",
    box_head: bool = False,
    box_trains_features: bool = False,
    output_sigma_factor: float = 0.1,
    crops: TrainingCrops | None = None,
    **filter_settings: float,
) -> RegressionNet:
    """Build a network for training from names and numbers.

    Args:
        backbone: registered name of the trained features.
        widths: channels of its layers, for a backbone with this argument.
        initial: weights file from which training starts; None for random weights.
        fixed: registered names, joined by ``+``, of the fixed features; or None.
        filter: registered name of the filter layer, ``ridge`` or ``spatial``.
        channels: channels to which the features are reduced before the filter; None: no reduction.
        box_head: train a box head.
        box_trains_features: let gradients of the box head's loss reach the features.
        output_sigma_factor: standard deviation of the label over ``sqrt(w h)`` of the target.
        crops: the crops of the training, if known; see ``RegressionNet``.
        filter_settings: arguments of the filter layer.

    Raises:
        ValueError, FileNotFoundError: an unknown name, a value out of its range, a weights file that does not fit.
    """
    arguments = {} if widths is None else {"widths": tuple(widths)}
    learned = BACKBONES[backbone](initial, **arguments)
    still = None if fixed is None else build_backbone(fixed)
    all_channels = learned.channels + (still.channels if still else 0)
    return RegressionNet(
        learned,
        FILTER_LAYERS[filter](**filter_settings),
        fixed=still,
        channels=channels,
        box_head=BoxHead(all_channels, learned.stride) if box_head else None,
        box_trains_features=box_trains_features,
        output_sigma_factor=output_sigma_factor,
        crops=crops,
    )


def middle_mask(size_wh: Tensor, map_hw: tuple[int, int]) -> Tensor:
    """Make masks ``(B, 1, h, w)``: 1 on a box of size ``(B, 2)`` in cells in the middle of the map, else 0."""
    height, width = map_hw
    rows = (torch.arange(height, device=size_wh.device) - (height - 1) / 2).abs() * 2
    columns = (torch.arange(width, device=size_wh.device) - (width - 1) / 2).abs() * 2
    inside_rows = rows <= size_wh[:, 1:].clamp_min(1)
    inside_columns = columns <= size_wh[:, :1].clamp_min(1)
    return (inside_rows[:, :, None] & inside_columns[:, None, :])[:, None].to(size_wh.dtype)
