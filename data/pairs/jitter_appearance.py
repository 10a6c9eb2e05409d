"""Appearance jitter of training pairs, batched on the device: light, colour, blur, noise, occluders, distractors.

One generator draws a row of random numbers for each pair of the whole batch of all processes: each pair gets the same
numbers however the batch is split. With a generator on the CPU nothing waits for the device.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.images import LUMA
from data.labels import tensor_center
from data.pairs.settings import Appearance

_GRAIN = 256  # side of the noise image
_KERNEL = 7  # side of the blur's kernel in pixels
_DRAWS = 64  # random numbers for each pair, more than are used


class PhotometricJitter(nn.Module):
    """Changes the appearance of pairs; boxes stay as they are.

    Occluders and distractors come from the neighbouring pair: pairs 0 and 1, 2 and 3, … of a batch lend each other.
    """

    def __init__(self, appearance: Appearance | None = None) -> None:
        super().__init__()
        self.appearance = appearance or Appearance()
        grain = torch.randn(_GRAIN, _GRAIN, 3, generator=torch.Generator().manual_seed(0))
        self.register_buffer("grain", grain, persistent=False)

    @torch.no_grad()
    def forward(
        self,
        template: Tensor,
        template_bbox: Tensor,
        search: Tensor,
        search_bbox: Tensor,
        generator: torch.Generator,
        *,
        rank: int = 0,
        world_size: int = 1,
    ) -> tuple[Tensor, Tensor]:
        """Return template and search, changed.

        Args:
            template: float32 ``(B, 3, S, S)`` RGB in [0, 255].
            template_bbox: float32 ``(B, 4)``, x, y, w, h in template pixels, 0-based.
            search: float32 ``(B, 3, S, S)``.
            search_bbox: float32 ``(B, 4)``.
            generator: Source of all randomness, in the same state in every process.
            rank: Number of this process; its pairs are part ``rank`` of the whole batch.
            world_size: Number of processes that share the whole batch.
        """
        size = len(search)
        drawn = torch.rand(size * world_size, _DRAWS, generator=generator, device=generator.device)
        numbers = _Numbers(drawn[rank * size : (rank + 1) * size], search.device)
        search = self._distract(template, template_bbox, search, search_bbox, numbers)
        search = self._occlude(search, search_bbox, numbers)
        if self.appearance.rotation:
            search = rotate(search, search_bbox, self.appearance.rotation * numbers.normal())
        greys = numbers.below(self.appearance.grey)
        changed = [self._expose(crops, greys, numbers) for crops in (template, search)]
        return changed[0], changed[1]

    def _distract(
        self,
        template: Tensor,
        template_bbox: Tensor,
        search: Tensor,
        search_bbox: Tensor,
        numbers: "_Numbers",
    ) -> Tensor:
        """Paste the neighbour's target beside the target."""
        rows = numbers.rows(self.appearance.distractor)
        angle, distance = 2 * math.pi * numbers(), 1.1 + 0.7 * numbers()
        size, roundness = numbers.normal(), numbers()
        lender = neighbours(len(search), search.device)[rows]
        extent = search_bbox[:, 2:] * torch.exp(0.2 * size)[:, None]
        way = torch.stack([angle.cos(), angle.sin()], dim=1) * distance[:, None]
        center = tensor_center(search_bbox) + way * (extent + search_bbox[:, 2:]) / 2
        place = torch.cat([center, extent], dim=1)[rows]
        lent = torch.cat([tensor_center(template_bbox), template_bbox[:, 2:]], dim=1)[lender]
        return _paste(search, rows, template[lender], lent, place, 2 + 4 * roundness[rows])

    def _occlude(self, search: Tensor, search_bbox: Tensor, numbers: "_Numbers") -> Tensor:
        """Paste a piece of the neighbour's search crop over a part of the target."""
        rows = numbers.rows(self.appearance.occluder)
        x, y, from_x, from_y, width, height, roundness = (numbers() for _ in range(7))
        lender = neighbours(len(search), search.device)[rows]
        extent = search_bbox[:, 2:] * torch.stack([0.3 + 0.4 * width, 0.3 + 0.6 * height], dim=1)
        offset = torch.stack([x, y], dim=1) * 1.2 - 0.6
        place = torch.cat([tensor_center(search_bbox) + offset * search_bbox[:, 2:], extent], dim=1)[rows]
        start = torch.stack([from_x, from_y], dim=1) * (search.shape[-1] - 1)
        source = torch.cat([start, extent], dim=1)[rows]
        return _paste(search, rows, search[lender], source, place, 2 + 6 * roundness[rows])

    def _expose(self, crops: Tensor, greys: Tensor, numbers: "_Numbers") -> Tensor:
        how = self.appearance
        rows, along, across, angle = numbers.rows(how.blur), numbers(), numbers(), math.pi * numbers()
        if len(rows):
            kernels = blur_kernels(0.4 + 1.6 * along[rows], 0.4 + 0.6 * across[rows], angle[rows])
            crops = crops.index_copy(0, rows, _filter(crops[rows], kernels))
        gains = how.gain * numbers.normal()[:, None] + how.tint * numbers.normals(3) * ~greys[:, None]
        saturation = torch.exp(how.saturation * numbers.normal()) * ~greys
        curve = (how.curve * numbers.normal()).clamp(-0.9, 0.9).view(-1, 1, 1, 1)
        bias = how.bias / 255 * numbers.normal().view(-1, 1, 1, 1)
        # In place from here on, because on a CPU every pass over the crops costs noticeable time.
        crops = _recolour(crops, gains.exp() / 255, saturation).add_(bias).clamp_(0, 1)
        crops = (crops * -curve).add_(1 + curve).mul_(crops).mul_(255)
        rows, strength = numbers.rows(how.noise), 10 * numbers()
        x, y = (((_GRAIN - crops.shape[-1]) * numbers()).long() for _ in range(2))
        if len(rows):
            grain = self._grain(x[rows], y[rows], crops.shape[-1])
            noisy = grain.mul_(strength[rows].view(-1, 1, 1, 1)).add_(crops[rows]).clamp_(0, 255)
            crops.index_copy_(0, rows, noisy)
        return crops

    def _grain(self, x: Tensor, y: Tensor, size: int) -> Tensor:
        """Cut noise of unit deviation ``(n, 3, S, S)`` out of the noise image."""
        grain: Tensor = self.grain  # type: ignore[assignment]
        return grain.unfold(0, size, 1).unfold(1, size, 1)[y, x]


class _Numbers:
    """Random numbers of a batch, a row for each pair, taken column by column."""

    def __init__(self, drawn: Tensor, device: torch.device) -> None:
        moved = drawn.to(device, non_blocking=True)
        self._here, self._uniform, self._next = drawn, moved, 0
        self._normal = math.sqrt(2) * torch.erfinv((2 * moved - 1).clamp(-0.99999, 0.99999))

    def __call__(self) -> Tensor:
        """Take uniform numbers in [0, 1), ``(B,)``."""
        return self._uniform[:, self._take(1)][:, 0]

    def normal(self) -> Tensor:
        """Take standard normal numbers, ``(B,)``."""
        return self._normal[:, self._take(1)][:, 0]

    def normals(self, count: int) -> Tensor:
        """Take standard normal numbers, ``(B, count)``."""
        return self._normal[:, self._take(count)]

    def below(self, probability: float) -> Tensor:
        """Draw booleans ``(B,)`` that are True with this probability."""
        return self() < probability

    def rows(self, probability: float) -> Tensor:
        """Draw the indices of pairs to which an event of this probability happens, without waiting for a GPU."""
        chosen = self._here[:, self._take(1)][:, 0] < probability
        return chosen.nonzero()[:, 0].to(self._uniform.device, non_blocking=True)

    def _take(self, count: int) -> slice:
        self._next += count
        return slice(self._next - count, self._next)


def neighbours(count: int, device: torch.device) -> Tensor:
    """Return the neighbour of each pair: 0 and 1, 2 and 3, …; the last of an odd number is its own."""
    return (torch.arange(count, device=device) ^ 1).clamp(max=count - 1)


def rotate(crops: Tensor, bboxes: Tensor, angles: Tensor) -> Tensor:
    """Turn crops about the centres of their targets. The boxes are not changed.

    Args:
        crops: float ``(B, C, S, S)``.
        bboxes: float ``(B, 4)``, x, y, w, h in crop pixels, 0-based.
        angles: float ``(B,)`` in radians, clockwise as seen.

    Returns:
        ``(B, C, S, S)``, bilinear, border repeated.
    """
    size = crops.shape[-1]
    pixels = torch.arange(size, device=crops.device, dtype=crops.dtype)
    cx, cy = tensor_center(bboxes)[..., None].unbind(1)
    cosine, sine = angles.cos()[:, None], angles.sin()[:, None]
    dx, dy = pixels - cx, pixels - cy
    x = (cx + cosine * dx)[:, None, :] + (sine * dy)[:, :, None]
    y = (cy + cosine * dy)[:, :, None] - (sine * dx)[:, None, :]
    grid = torch.stack([x, y], dim=-1).mul_(2 / size).add_(1 / size - 1)
    return F.grid_sample(crops, grid, padding_mode="border", align_corners=False)


def blur_kernels(along: Tensor, across: Tensor, angles: Tensor) -> Tensor:
    """Make Gaussian kernels ``(n, 7, 7)`` of sum 1 from two deviations ``(n,)`` in pixels and angles in radians."""
    steps = torch.arange(_KERNEL, device=along.device, dtype=along.dtype) - _KERNEL // 2
    y, x = steps[None, :, None], steps[None, None, :]
    cosine, sine = angles.cos().view(-1, 1, 1), angles.sin().view(-1, 1, 1)
    u, v = (cosine * x + sine * y) / along.view(-1, 1, 1), (cosine * y - sine * x) / across.view(-1, 1, 1)
    kernels = torch.exp(-(u.square() + v.square()) / 2)
    return kernels / kernels.sum((1, 2), keepdim=True)


def _filter(crops: Tensor, kernels: Tensor) -> Tensor:
    """Filter each crop ``(n, 3, S, S)`` with its own kernel, border repeated."""
    count, channels, height, width = crops.shape
    padded = F.pad(crops, (_KERNEL // 2,) * 4, mode="replicate")
    padded = padded.reshape(1, count * channels, height + _KERNEL - 1, width + _KERNEL - 1)
    weights = kernels.repeat_interleave(channels, dim=0)[:, None]
    return F.conv2d(padded, weights, groups=count * channels).view_as(crops)


def _recolour(crops: Tensor, gains: Tensor, saturation: Tensor) -> Tensor:
    """Scale colours by ``(B, 3)`` and their distance from grey by ``(B,)``; returns a new tensor."""
    grey = crops[:, :1] * LUMA[0]
    for channel in (1, 2):
        grey.add_(crops[:, channel : channel + 1], alpha=LUMA[channel])
    gains, saturation = gains.view(-1, 3, 1, 1), saturation.view(-1, 1, 1, 1)
    return (crops * (gains * saturation)).addcmul_(grey, gains * (1 - saturation))


def _paste(
    crops: Tensor, rows: Tensor, sources: Tensor, lent: Tensor, places: Tensor, roundness: Tensor
) -> Tensor:
    """Copy the region ``lent`` of each source to the region ``places`` of the crops ``rows``, with a soft edge.

    Regions are ``(n, 4)``: centre x, y, width, height in pixels. ``roundness`` ``(n,)`` is the exponent of their
    shape, a superellipse.
    """
    if not len(rows):
        return crops
    size = crops.shape[-1]
    pixels = torch.arange(size, device=crops.device, dtype=crops.dtype)
    u, v = (2 * (pixels - places[:, axis, None]) / places[:, axis + 2, None] for axis in (0, 1))
    x, y = (lent[:, axis, None] + t * lent[:, axis + 2, None] / 2 for axis, t in ((0, u), (1, v)))
    across, down = (2 * x + 1) / size - 1, (2 * y + 1) / size - 1
    grid = torch.stack(torch.broadcast_tensors(across[:, None, :], down[:, :, None]), dim=-1)
    patches = F.grid_sample(sources, grid, padding_mode="border", align_corners=False)
    power = roundness.view(-1, 1, 1)
    radius = (u.abs()[:, None, :] ** power + v.abs()[:, :, None] ** power) ** (1 / power)
    mask = ((1 - radius) / 0.15 + 0.5).clamp(0, 1)[:, None]
    return crops.index_copy(0, rows, torch.lerp(crops[rows], patches, mask))
