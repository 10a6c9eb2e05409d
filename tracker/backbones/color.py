"""Mean colour of each cell, which complements orientation histograms."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.backbones.base import BACKBONES, Backbone

# sRGB to CIE XYZ, rows divided by the D65 white point (IEC 61966-2-1).
_RGB_TO_XYZ = (
    (0.4124564 / 0.950456, 0.3575761 / 0.950456, 0.1804375 / 0.950456),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339 / 1.088754, 0.1191920 / 1.088754, 0.9503041 / 1.088754),
)


@BACKBONES.register("color")
class Color(Backbone):
    """CIE L*a*b* of each 4x4-pixel cell's mean colour, in units of 100: lightness in [0, 1], a and b signed."""

    stride = 4
    blocks = (3,)

    def forward(self, images: Tensor) -> Tensor:
        """Extract features float32 ``(B, 3, H/4, W/4)`` of RGB ``images`` float32 ``(B, 3, H, W)`` in [0, 255]."""
        rgb = F.avg_pool2d(images, self.stride) / 255.0
        linear = torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055).pow(2.4), rgb / 12.92)
        xyz = torch.einsum("ij,bjhw->bihw", linear.new_tensor(_RGB_TO_XYZ), linear)
        root = torch.where(xyz > 0.008856, xyz.clamp_min(1e-8).pow(1 / 3), 7.787 * xyz + 16 / 116)
        x, y, z = root.unbind(1)
        return torch.stack([1.16 * y - 0.16, 5 * (x - y), 2 * (y - z)], dim=1)
