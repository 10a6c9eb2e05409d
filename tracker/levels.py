"""Two levels of a network, reduced, scaled and fused: what DSLT's filters see."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.backbones import Backbone

REDUCTIONS = ("pca", "random")


class TwoLevelFeatures:
    """A shallow and a deep level, each reduced to the same number of channels, fused by the residual scheme.

    With ``s`` and ``d`` the reduced levels, the features are ``[f_s·s + f_d·d ; d]``: the deep level enters the
    base filter and has a filter of its own, whose response is added (Lu et al., ECCV 2018, figure 2). The two
    filters are one over all the channels. The shallow level is all blocks of the backbone but its last.

    Each reduced level is scaled, once, so that a cell of frame 1 has unit energy on average: rates and
    regularisation then mean the same for every backbone, and the fusion's weights are those of the levels.

    Args:
        backbone: a network with at least two blocks of channels.
        reduction: ``pca``, the principal components of frame 1, centred; ``random``, DSLT's convolution of
            normal weights with variance 2 / fan-in, not centred. (Its learning rate lets it move by 1e-6
            against weights of 2e-2: it is a fixed random projection.)
        channels: of each reduced level; a level that has fewer is filled up with zeros by ``pca``.
        reduction_kernel: side of the random convolution in cells, odd; 1 in the paper, 3 in the released code.
        fusion: ``(f_s, f_d)``; (1, 1) in the paper, (.8, .2) in the released code, (1, 0) without residual.
        seed: of the random projection.

    Raises:
        ValueError: a setting outside its range, or a backbone of a single block.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        reduction: str = "pca",
        channels: int = 32,
        reduction_kernel: int = 1,
        fusion: tuple[float, float] = (1.0, 0.0),
        seed: int = 701,
    ) -> None:
        if len(backbone.blocks) < 2:
            raise ValueError(f"backbone must have two levels, got one of {backbone.channels} channels")
        if reduction not in REDUCTIONS:
            raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
        if channels < 1:
            raise ValueError(f"channels must be at least 1, got {channels}")
        if reduction_kernel < 1 or reduction_kernel % 2 == 0 or (reduction == "pca" and reduction_kernel > 1):
            raise ValueError(
                f"reduction_kernel must be odd, and 1 for 'pca', got {reduction_kernel} for {reduction!r}"
            )
        self.backbone = backbone
        self.reduction = reduction
        self.channels = channels
        self.reduction_kernel = reduction_kernel
        self.fusion = fusion
        self.seed = seed

    def start(self, images: Tensor) -> Tensor:
        """Learn reduction and scale from frame 1's crop ``(1, 3, S, S)``; return its features ``(1, 2C, h, w)``."""
        levels = self._levels(images)
        generator = torch.Generator().manual_seed(self.seed)
        self._means = [self._mean(level) for level in levels]
        self._reductions = [
            self._components(level - mean)
            if self.reduction == "pca"
            else self._random_weights(level.shape[1], generator).to(level)
            for level, mean in zip(levels, self._means, strict=True)
        ]
        for reduction, level in zip(self._reductions, self._reduced(levels), strict=True):
            reduction *= level.square().sum(1).mean().clamp_min(1e-12).rsqrt()
        return self._fuse(levels)

    def __call__(self, images: Tensor) -> Tensor:
        """Features float32 ``(B, 2C, h, w)`` of RGB images ``(B, 3, H, W)`` in [0, 255]."""
        return self._fuse(self._levels(images))

    def _levels(self, images: Tensor) -> tuple[Tensor, ...]:
        blocks = self.backbone.blocks
        return self.backbone(images).split([sum(blocks[:-1]), blocks[-1]], dim=1)

    def _mean(self, level: Tensor) -> Tensor:
        mean = level.mean((0, 2, 3)).view(-1, 1, 1)
        return mean if self.reduction == "pca" else torch.zeros_like(mean)

    def _components(self, centred: Tensor) -> Tensor:
        """Principal components as the weights of a convolution, ``(channels, C, 1, 1)``."""
        cells = centred[0].flatten(1)
        vectors = torch.linalg.eigh(cells @ cells.T)[1].flip(1)[:, : self.channels].T
        missing = self.channels - len(vectors)
        return F.pad(vectors, (0, 0, 0, missing))[:, :, None, None].contiguous()

    def _random_weights(self, channels: int, generator: torch.Generator) -> Tensor:
        side = self.reduction_kernel
        deviation = math.sqrt(2 / (channels * side * side))
        return deviation * torch.randn(self.channels, channels, side, side, generator=generator)

    def _reduced(self, levels: tuple[Tensor, ...]) -> list[Tensor]:
        return [
            F.conv2d(level - mean, reduction, padding=self.reduction_kernel // 2)
            for level, mean, reduction in zip(levels, self._means, self._reductions, strict=True)
        ]

    def _fuse(self, levels: tuple[Tensor, ...]) -> Tensor:
        shallow, deep = self._reduced(levels)
        return torch.cat([self.fusion[0] * shallow + self.fusion[1] * deep, deep], dim=1)
