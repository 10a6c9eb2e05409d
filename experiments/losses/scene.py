"""A frame and the response maps of a filter learnt on it, on which the losses are shown."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from data.boxes import bbox_center, check_bbox_in_frame
from data.crop import SearchRegion, crop
from data.labels import gaussian_label

CELLS, STRIDE, KERNEL = 31, 8, 9
SEARCH_AREA_SCALE = 3.0
OUTPUT_SIGMA_FACTOR = 0.1
STEPS = {"init": 0, "mid": 10, "late": 400}

Image = NDArray[np.uint8]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Scene:
    """A search region of a frame with its label and the responses of a filter while it learns.

    Attributes:
        origin: what the frame is, for captions.
        patch: the search region, RGB uint8 ``(S, S, 3)``.
        label: Gaussian label ``(1, 1, 31, 31)``, float32.
        responses: response of a filter learnt with L2 after each of ``STEPS``, shaped as the label.
        logits: the same of a filter learnt with BCE.
        trail: logits of the filter learnt with BCE at every tenth step and at ``STEPS``.
    """

    origin: str
    patch: Image
    label: Tensor
    responses: dict[str, Tensor]
    logits: dict[str, Tensor]
    trail: list[Tensor]


def synthetic_frame() -> tuple[Image, Box]:
    """A textured frame with a textured target and a look-alike beside it, and the target's box."""
    random = np.random.default_rng(0)
    noise = random.normal(size=(240, 320, 3))
    texture = sum(cv2.GaussianBlur(noise, (0, 0), sigma) * sigma for sigma in (2, 5, 12))
    image = 115 + 38 * texture / texture.std()
    target = cv2.GaussianBlur(random.normal(size=(44, 36, 3)), (0, 0), 3) * 500 + (190, 90, 60)
    image[98:142, 142:178] = target
    image[60:104, 235:271] = 0.75 * target + 25
    return np.clip(image, 0, 255).astype(np.uint8), (142, 98, 36, 44)


def learn(image: Image, bbox: Box, origin: str) -> Scene:
    """Learn a correlation filter on one frame by gradient descent, once with L2 and once with BCE."""
    box = check_bbox_in_frame(bbox, (image.shape[1], image.shape[0]))
    side = SEARCH_AREA_SCALE * float(np.sqrt(box[2] * box[3]))
    region = SearchRegion.around(bbox_center(box), side, CELLS * STRIDE)
    patch = crop(image, region)
    sigma = OUTPUT_SIGMA_FACTOR * CELLS / SEARCH_AREA_SCALE * np.sqrt([box[3] / box[2], box[2] / box[3]])
    label = gaussian_label((CELLS, CELLS), (float(sigma[0]), float(sigma[1])))[None, None]
    features = _features(patch)
    responses = _descend(features, label, F.mse_loss, lr=3e-4)
    logits = _descend(features, label, F.binary_cross_entropy_with_logits, lr=1e-3)
    shown, shown_logits = (
        {stage: outputs[step] for stage, step in STEPS.items()} for outputs in (responses, logits)
    )
    return Scene(origin, patch, label, shown, shown_logits, [logits[step] for step in sorted(logits)])


def _features(patch: Image) -> Tensor:
    """Mean colour and gradient magnitudes in eight orientations of each cell, normalised ``(1, C, h, w)``."""
    pixels = torch.from_numpy(patch.copy()).permute(2, 0, 1)[None].float() / 255
    grey = pixels.mean(1, keepdim=True)
    dy, dx = torch.gradient(grey, dim=(2, 3))
    sector = ((torch.atan2(dy, dx) / torch.pi + 1) * 4).long() % 8
    oriented = torch.zeros(1, 8, *grey.shape[2:]).scatter_(1, sector, torch.hypot(dx, dy))
    cells = F.avg_pool2d(torch.cat([pixels, oriented.sqrt()], 1), STRIDE)
    return (cells - cells.mean((2, 3), keepdim=True)) / (cells.std((2, 3), keepdim=True) + 1e-3)


def _descend(
    features: Tensor, label: Tensor, criterion: Callable[..., Tensor], *, lr: float
) -> dict[int, Tensor]:
    """Outputs of the filter at ``STEPS`` and every tenth step of gradient descent, from small weights."""
    generator = torch.Generator().manual_seed(0)
    channels = features.shape[1]
    weight = torch.randn(1, channels, KERNEL, KERNEL, generator=generator) * 0.03 / (KERNEL * channels**0.5)
    weight.requires_grad_()
    bias = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.Adam([weight, bias], lr=lr)
    found = {}
    for step in range(max(STEPS.values()) + 1):
        output = F.conv2d(features, weight, bias, padding=KERNEL // 2)
        if step % 10 == 0 or step in STEPS.values():
            found[step] = output.detach()
        optimizer.zero_grad()
        criterion(output, label).backward()
        optimizer.step()
    return found
