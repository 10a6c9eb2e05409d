"""SqueezeNet 1.0 up to fire8, under torchvision's names."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tracker.backbones.base import BACKBONES, Backbone
from tracker.backbones.pretrained import caffe_input, pretrained_tensors, torchvision_input, with_input
from tracker.backbones.weights import load_into

URL = "https://download.pytorch.org/models/squeezenet1_0-b66bff10.pth"


class Fire(nn.Module):
    """A 1x1 squeeze, then 1x1 and 3x3 expansions side by side (Iandola et al. 2016, section 3.2)."""

    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Compute features ``(B, 2·expanded, h, w)`` of features ``(B, channels, h, w)``."""
        squeezed = F.relu(self.squeeze(features))
        return F.relu(torch.cat([self.expand1x1(squeezed), self.expand3x3(squeezed)], dim=1))


@BACKBONES.register("squeezenet")
class SqueezeNet(Backbone):
    """Two levels of SqueezeNet 1.0: fire4 (stride 4, 256 channels) and fire8 (stride 8, 512), both at stride 4.

    Iandola et al., SqueezeNet, 2016. The modules have torchvision's names.

    Args:
        weights: a weights file, or None for torchvision's published ImageNet weights (downloaded once). The weights
            in a ``.npz`` file are those of the Caffe network, whose input is BGR in [0, 255] minus (104, 117, 123).
            A checkpoint of the ``train`` command states the form of its input. In any other file the weights are
            torchvision's, whose input is RGB in [0, 1], standardised.

    Raises:
        FileNotFoundError, ValueError: a weights file that is missing, damaged or of another network.
        RuntimeError: the published weights could not be downloaded.
    """

    stride = 4
    blocks = (256, 512)
    takes_weights = True

    def __init__(self, weights: str | Path | None = None) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 96, 7, stride=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(96, 16, 64),
            Fire(128, 16, 64),
            Fire(128, 32, 128),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(256, 32, 128),
            Fire(256, 48, 192),
            Fire(384, 48, 192),
            Fire(384, 64, 256),
        )
        caffe = weights is not None and Path(weights).suffix == ".npz"
        self.input = caffe_input((104.0, 117.0, 123.0)) if caffe else torchvision_input()
        load_into(self, with_input(pretrained_tensors(weights, URL), self.input), str(weights or URL))
        # Half the time on a CPU. (torch's stubs lack the argument.)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """Extract features float32 ``(B, 768, H/4, W/4)`` of RGB ``images`` float32 ``(B, 3, H, W)`` in [0, 255]."""
        # With seven more pixels the unpadded first convolution and pool give one cell for every four pixels.
        padded = F.pad(self.input(images), (4, 3, 4, 3), mode="replicate")
        fire4 = self.features[:6](padded)
        fire8 = self.features[6:](fire4)
        upsampled = F.interpolate(fire8, size=fire4.shape[-2:], mode="bilinear", align_corners=False)
        return torch.cat([fire4, upsampled], dim=1)
