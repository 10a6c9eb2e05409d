"""The box head: the target's place and size from features around the response's peak."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.labels import tensor_center, tensor_from_center

GRID = 12
"""Cells of the grid that is laid over a box, in either direction."""

CONTEXT = 1.5
"""Side of that grid over the box's: what is just outside tells where the target ends."""

LOG_LEAST_SPREAD = -4.0
"""Logarithm of the least spread that a correction can have: a fiftieth of the target."""

REACH = 2
"""Steps of the grid by which looks are compared, to every side: a quarter of the box."""


class BoxHead(nn.Module):
    """Compares the target's look in the template with what lies under an assumed box, and corrects the box.

    The two are sampled on the same grid relative to their boxes and matched: at each place of the grid, the cosine
    between the template's look there and the search's look there and a few steps around. Such a map of matches
    shows how each part of the target has moved, whatever it looks like, and from that the convolutions read how
    the box is shifted and stretched.

    Args:
        channels: of the features.
        hidden: channels of the looks and of the convolutions.
    """

    def __init__(self, channels: int, hidden: int = 32) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.convolutions = nn.Sequential(
            nn.Conv2d((2 * REACH + 1) ** 2, hidden, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, 3, padding=1),
            nn.ReLU(),
        )
        self.read = nn.Sequential(nn.Linear(hidden * (GRID // 3) ** 2, 64), nn.ReLU(), nn.Linear(64, 8))
        places, inside = _neighbours(GRID, REACH)
        self.places: Tensor
        self.inside: Tensor
        self.register_buffer("places", places, persistent=False)
        self.register_buffer("inside", inside, persistent=False)

    def forward(
        self, template: Tensor, template_bbox: Tensor, search: Tensor, assumed_bbox: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Correct assumed boxes; several may belong to one pair.

        Args:
            template: features ``(B, C, h, w)`` of the frame in which the target is known.
            template_bbox: float ``(B, 4)``, x, y, w, h in cells of that map (0-based rule, cells for pixels).
            search: features ``(B, C, h, w)`` of the frame in question.
            assumed_bbox: float ``(K, B, 4)``, in cells of the search map.

        Returns:
            See ``compare``, both ``(K, B, 4)``.
        """
        known = self.look(template, template_bbox)
        reduced = self.reduce(search)
        seen = torch.cat([_look(reduced, bbox) for bbox in assumed_bbox])
        correction, log_spread = self.compare(known.repeat(len(assumed_bbox), 1, 1, 1), seen)
        return correction.view(assumed_bbox.shape), log_spread.view(assumed_bbox.shape)

    def look(self, features: Tensor, bbox: Tensor) -> Tensor:
        """What is under boxes ``(B, 4)`` in cells: unit vectors, float ``(B, hidden, GRID, GRID)``."""
        return _look(self.reduce(features), bbox)

    def compare(self, known: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """The correction from the boxes that ``seen`` was sampled at to the true ones; both looks from ``look``.

        Args:
            known: the target's look in the template, float ``(B, hidden, GRID, GRID)``.
            seen: the look under the assumed boxes, of the same shape.

        Returns:
            Corrections ``(B, 4)``: ``(dx / w, dy / h, log w'/w, log h'/h)``, and the logarithm of the scale of
            the Laplace distribution that each is believed to be off by, ``(B, 4)``.
        """
        features = self.convolutions(self.matches(known, seen))
        correction, log_spread = self.read(F.avg_pool2d(features, 3).flatten(1)).float().chunk(2, dim=1)
        # Bounded below: a likelihood could be raised for ever on one pair that happens to be met exactly.
        return correction, torch.logaddexp(log_spread, log_spread.new_tensor(LOG_LEAST_SPREAD))

    def matches(self, known: Tensor, seen: Tensor) -> Tensor:
        """Cosines of each place's look and its neighbours', ``(B, (2·REACH+1)², GRID, GRID)``, 0 beyond the grid."""
        all_pairs = known.flatten(2).mT @ seen.flatten(
            2
        )  # (B, places, places): one product, no copies of looks
        near = all_pairs.gather(2, self.places.expand(len(all_pairs), -1, -1)) * self.inside
        return near.mT.unflatten(2, (GRID, GRID))


def _look(reduced: Tensor, bbox: Tensor) -> Tensor:
    return F.normalize(sample_boxes(reduced, bbox, GRID, CONTEXT), dim=1, eps=1e-3)


def _neighbours(grid: int, reach: int) -> tuple[Tensor, Tensor]:
    """For each place of a grid the index of its neighbours, int64 ``(grid², (2·reach+1)²)``, and which exist."""
    place, step = torch.arange(grid), torch.arange(-reach, reach + 1)
    row = place.view(-1, 1, 1, 1) + step.view(1, 1, -1, 1)
    column = place.view(1, -1, 1, 1) + step.view(1, 1, 1, -1)
    inside = (row >= 0) & (row < grid) & (column >= 0) & (column < grid)
    index = row.clamp(0, grid - 1) * grid + column.clamp(0, grid - 1)
    return index.expand_as(inside).reshape(grid**2, -1), inside.reshape(grid**2, -1)


def sample_boxes(features: Tensor, bbox: Tensor, grid: int, context: float) -> Tensor:
    """Bilinear samples of maps ``(B, C, h, w)`` on a grid over boxes ``(B, 4)`` in cells: ``(B, C, grid, grid)``."""
    height, width = features.shape[-2:]
    steps = ((torch.arange(grid, device=bbox.device, dtype=bbox.dtype) + 0.5) / grid - 0.5) * context
    center, size = tensor_center(bbox), bbox[:, 2:]
    across = center[:, :1] + size[:, :1] * steps
    down = center[:, 1:] + size[:, 1:] * steps
    across, down = (across + 0.5) * (2 / width) - 1, (down + 0.5) * (2 / height) - 1
    places = torch.stack(torch.broadcast_tensors(across[:, None, :], down[:, :, None]), dim=-1)
    return F.grid_sample(features, places.to(features.dtype), padding_mode="border", align_corners=False)


def apply_correction(bbox: Tensor, correction: Tensor) -> Tensor:
    """Boxes ``(…, 4)`` moved and stretched by corrections ``(…, 4)``, see ``BoxHead.compare``."""
    size = bbox[..., 2:] * correction[..., 2:].exp()
    center = tensor_center(bbox) + bbox[..., 2:] * correction[..., :2]
    return tensor_from_center(center, size)


def correction_between(assumed: Tensor, true: Tensor) -> Tensor:
    """The correction that turns ``assumed`` boxes ``(…, 4)`` into ``true``, the inverse of ``apply_correction``."""
    moved = (tensor_center(true) - tensor_center(assumed)) / assumed[..., 2:]
    return torch.cat([moved, (true[..., 2:] / assumed[..., 2:]).log()], dim=-1)
