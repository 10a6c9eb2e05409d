"""Grey levels, the features of the first correlation filters."""

import torch.nn.functional as F
from torch import Tensor

from data.images import LUMA
from tracker.backbones.base import BACKBONES, Backbone


@BACKBONES.register("gray")
class Gray(Backbone):
    """Luma (ITU-R BT.601) of each 4x4-pixel cell, in [0, 1]."""

    stride = 4
    blocks = (1,)

    def forward(self, images: Tensor) -> Tensor:
        """Extract features float32 ``(B, 1, H/4, W/4)`` of RGB ``images`` float32 ``(B, 3, H, W)`` in [0, 255]."""
        luma = (images * images.new_tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True)
        return F.avg_pool2d(luma, self.stride) / 255.0
