"""VGG-16 up to conv5_3, the network of DSLT, CREST and HCFT."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tracker.backbones.base import BACKBONES, Backbone
from tracker.backbones.pretrained import caffe_input, pretrained_tensors, torchvision_input, with_input
from tracker.backbones.weights import load_into

URL = "https://download.pytorch.org/models/vgg16-397923af.pth"

STAGES = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""Number of convolutions and channels of each stage; a pool follows each stage except the last."""


@BACKBONES.register("vgg16")
class VGG16(Backbone):
    """conv4_3 (stride 8) and conv5_3 (stride 16) of VGG-16, both after their ReLU, at stride 8.

    Simonyan and Zisserman 2015, configuration D. conv5_3 is upsampled bilinearly by 2. The modules have torchvision's
    names. Pools round up, as in Caffe.

    Args:
        weights: a weights file, or None for torchvision's published ImageNet weights (downloaded once). Weights
            under Caffe's names (``conv4_3.weight``) or in a ``.npz`` file are those of the Caffe network, whose
            input is BGR in [0, 255] minus (103.939, 116.779, 123.68). Other weights are torchvision's, whose input
            is RGB in [0, 1], standardised.

    Raises:
        FileNotFoundError, ValueError: a weights file that is missing, damaged or of another network.
        RuntimeError: the published weights could not be downloaded.
    """

    stride = 8
    blocks = (512, 512)
    takes_weights = True
    pools = 4

    def __init__(self, weights: str | Path | None = None) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        names: dict[str, str] = {}  # Caffe's name of each layer by torchvision's
        channels = 3
        for stage, (convolutions, width) in enumerate(STAGES, start=1):
            for number in range(1, convolutions + 1):
                names[f"features.{len(layers)}"] = f"conv{stage}_{number}"
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width
            if stage < len(STAGES):
                # An identity replaces a pool that is left out, so that the names stay torchvision's.
                layers.append(nn.MaxPool2d(2, ceil_mode=True) if stage <= self.pools else nn.Identity())
        self.features = nn.Sequential(*layers)
        tensors = pretrained_tensors(weights, URL)
        named_by_caffe = "conv1_1.weight" in tensors
        if named_by_caffe:
            tensors = _renamed(tensors, names)
        caffe = named_by_caffe or (weights is not None and Path(weights).suffix == ".npz")
        self.input = caffe_input((103.939, 116.779, 123.68)) if caffe else torchvision_input()
        load_into(self, with_input(tensors, self.input), str(weights or URL))
        # Half the time on a CPU. (torch's stubs lack the argument.)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """Extract features float32 ``(B, 1024, H/stride, W/stride)`` of RGB ``images`` ``(B, 3, H, W)`` in [0, 255]."""
        conv4_3 = self.features[:23](self.input(images))  # 22 is its ReLU, 23 is pool4
        conv5_3 = self.features[23:](conv4_3)
        height, width = conv4_3.shape[-2:]
        if conv5_3.shape[-2:] != conv4_3.shape[-2:]:
            conv5_3 = F.interpolate(conv5_3, scale_factor=2, mode="bilinear", align_corners=False)
        return torch.cat([conv4_3, conv5_3[..., :height, :width]], dim=1)


@BACKBONES.register("vgg16-stride4")
class VGG16Stride4(VGG16):
    """VGG-16 without pool3 and pool4, as in the released DSLT: conv4_3 and conv5_3 at stride 4."""

    stride = 4
    pools = 2


def _renamed(tensors: dict[str, Tensor], names: dict[str, str]) -> dict[str, Tensor]:
    """Rename tensors from Caffe's names to torchvision's; missing tensors are left out."""
    return {
        f"{ours}.{kind}": tensors[f"{theirs}.{kind}"]
        for ours, theirs in names.items()
        for kind in ("weight", "bias")
        if f"{theirs}.{kind}" in tensors
    }
