"""Features for DSLT's filters: two levels of a network, reduced, scaled and fused."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.backbones import Backbone
from tracker.checks import odd, one_of, whole

REDUCTIONS = ("pca", "random")


@dataclass(frozen=True)
class LevelSettings:
    """Settings of the reduction and fusion of two levels of a network.

    Attributes:
        reduction: ``pca``, the principal components of frame 1, centred; ``random``, DSLT's convolution of
            normal weights with variance 2 / fan-in, not centred. (With DSLT's learning rate its weights of 2e-2
            change by 1e-6: it is a fixed random projection.)
        channels: number of channels of each reduced level; ``pca`` fills up a level with fewer channels with zeros.
        reduction_kernel: side of the random convolution in cells, odd; 1 in the paper, 3 in the released code.
        fusion: ``(f_s, f_d)``; (1, 1) in the paper, (.8, .2) in the released code, (1, 0) without residual.
        seed: seed of the random projection.

    Raises:
        ValueError: a setting outside its range.
    """

    reduction: str = "pca"
    channels: int = 32
    reduction_kernel: int = 1
    fusion: tuple[float, float] = (1.0, 0.0)
    seed: int = 701

    def __post_init__(self) -> None:
        one_of("reduction", self.reduction, REDUCTIONS)
        whole("channels", self.channels, 1)
        odd("reduction_kernel", self.reduction_kernel)
        if self.reduction == "pca" and self.reduction_kernel > 1:
            raise ValueError(f"reduction_kernel must be 1 for 'pca', got {self.reduction_kernel}")


@dataclass(eq=False)
class TwoLevelFeatures:
    """A shallow and a deep level, each reduced to the same number of channels, fused by the residual scheme.

    With the reduced levels ``s`` and ``d``, the features are ``[f_s·s + f_d·d ; d]``: the deep level enters the
    base filter and has a filter of its own, whose response is added (Lu et al., ECCV 2018, figure 2). The two
    filters are one filter over all channels. The deep level is the last block of the backbone, the shallow level all
    other blocks.

    Each reduced level is scaled so that a cell of frame 1 has unit energy on average: rates, regularisation and the
    weights of the fusion then have the same strength for every backbone.

    Args:
        backbone: a network with at least two blocks of channels.
        level_settings: settings of the reduction and fusion.

    Raises:
        ValueError: a backbone of a single block.
    """

    backbone: Backbone
    level_settings: LevelSettings = LevelSettings()

    def __post_init__(self) -> None:
        if len(self.backbone.blocks) < 2:
            raise ValueError(f"backbone must have two levels, got one of {self.backbone.channels} channels")

    def start(self, images: Tensor) -> Tensor:
        """Learn reduction and scale from frame 1's crop ``(1, 3, S, S)``; return its features ``(1, 2C, h, w)``."""
        levels = self._levels(images)
        generator = torch.Generator().manual_seed(self.level_settings.seed)
        self._means = [self._mean(level) for level in levels]
        self._reductions = [
            self._components(level - mean)
            if self.level_settings.reduction == "pca"
            else self._random_weights(level.shape[1], generator).to(level)
            for level, mean in zip(levels, self._means, strict=True)
        ]
        for reduction, level in zip(self._reductions, self._reduced(levels), strict=True):
            reduction *= level.square().sum(1).mean().clamp_min(1e-12).rsqrt()
        return self._fuse(levels)

    def __call__(self, images: Tensor) -> Tensor:
        """Extract features float32 ``(B, 2C, h, w)`` of RGB images ``(B, 3, H, W)`` in [0, 255]."""
        return self._fuse(self._levels(images))

    def _levels(self, images: Tensor) -> tuple[Tensor, ...]:
        blocks = self.backbone.blocks
        return self.backbone(images).split([sum(blocks[:-1]), blocks[-1]], dim=1)

    def _mean(self, level: Tensor) -> Tensor:
        mean = level.mean((0, 2, 3)).view(-1, 1, 1)
        return mean if self.level_settings.reduction == "pca" else torch.zeros_like(mean)

    def _components(self, centred: Tensor) -> Tensor:
        """Compute principal components as the weights of a convolution, ``(channels, C, 1, 1)``."""
        cells = centred[0].flatten(1)
        vectors = torch.linalg.eigh(cells @ cells.T)[1].flip(1)[:, : self.level_settings.channels].T
        missing = self.level_settings.channels - len(vectors)
        return F.pad(vectors, (0, 0, 0, missing))[:, :, None, None].contiguous()

    def _random_weights(self, channels: int, generator: torch.Generator) -> Tensor:
        side = self.level_settings.reduction_kernel
        deviation = math.sqrt(2 / (channels * side * side))
        return deviation * torch.randn(
            self.level_settings.channels, channels, side, side, generator=generator
        )

    def _reduced(self, levels: tuple[Tensor, ...]) -> list[Tensor]:
        return [
            F.conv2d(level - mean, reduction, padding=self.level_settings.reduction_kernel // 2)
            for level, mean, reduction in zip(levels, self._means, self._reductions, strict=True)
        ]

    def _fuse(self, levels: tuple[Tensor, ...]) -> Tensor:
        shallow, deep = self._reduced(levels)
        of_shallow, of_deep = self.level_settings.fusion
        return torch.cat([of_shallow * shallow + of_deep * deep, deep], dim=1)
