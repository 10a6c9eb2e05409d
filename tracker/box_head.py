"""The box head: the target's place and size from features around the response's peak."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GRID = 12
"""Cells of the grid that is laid over a box, in either direction."""

CONTEXT = 1.5
"""Side of that grid over the box's: what is just outside tells where the target ends."""


class BoxHead(nn.Module):
    """Compares the target's look in the template with what lies under an assumed box, and corrects the box.

    The two are sampled on the same grid relative to their boxes, so that only what differs matters: how far the
    assumed box is shifted and stretched against the target. Their product, channel by channel, is what the first
    convolution sees beside them.

    Args:
        channels: of the features.
        hidden: channels of its convolutions.
    """

    def __init__(self, channels: int, hidden: int = 32) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.layers = nn.Sequential(
            nn.Conv2d(3 * hidden, hidden, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(hidden * (GRID // 4) ** 2, 64),
            nn.ReLU(inplace=True),
            nn.Linear(64, 4),
        )
        nn.init.zeros_(self.layers[-1].bias)
        nn.init.normal_(self.layers[-1].weight, std=1e-3)

    def forward(
        self, template: Tensor, template_bbox: Tensor, search: Tensor, assumed_bbox: Tensor
    ) -> Tensor:
        """Correction ``(B, 4)`` of the assumed boxes: ``(dx / w, dy / h, log w'/w, log h'/h)``, see ``apply``.

        Args:
            template: features ``(B, C, h, w)`` of the frame in which the target is known.
            template_bbox: float ``(B, 4)``, x, y, w, h in cells of that map (0-based rule, cells for pixels).
            search: features ``(B, C, h, w)`` of the frame in question.
            assumed_bbox: float ``(B, 4)``, in cells of the search map.
        """
        return self.compare(self.look(template, template_bbox), self.look(search, assumed_bbox))

    def look(self, features: Tensor, bbox: Tensor) -> Tensor:
        """What is under boxes ``(B, 4)`` in cells, float ``(B, hidden, GRID, GRID)``."""
        return sample_boxes(self.reduce(features), bbox, GRID, CONTEXT)

    def compare(self, known: Tensor, seen: Tensor) -> Tensor:
        """Correction of the boxes under which ``seen`` was, against ``known``; both from ``look``."""
        return self.layers(torch.cat([known, seen, known * seen], dim=1))


def sample_boxes(features: Tensor, bbox: Tensor, grid: int, context: float) -> Tensor:
    """Bilinear samples of maps ``(B, C, h, w)`` on a grid over boxes ``(B, 4)`` in cells: ``(B, C, grid, grid)``."""
    height, width = features.shape[-2:]
    steps = ((torch.arange(grid, device=bbox.device, dtype=bbox.dtype) + 0.5) / grid - 0.5) * context
    center, size = bbox[:, :2] + (bbox[:, 2:] - 1) / 2, bbox[:, 2:]
    across = center[:, :1] + size[:, :1] * steps
    down = center[:, 1:] + size[:, 1:] * steps
    across, down = (across + 0.5) * (2 / width) - 1, (down + 0.5) * (2 / height) - 1
    places = torch.stack(torch.broadcast_tensors(across[:, None, :], down[:, :, None]), dim=-1)
    return F.grid_sample(features, places.to(features.dtype), padding_mode="border", align_corners=False)


def apply_correction(bbox: Tensor, correction: Tensor) -> Tensor:
    """Boxes ``(B, 4)`` moved and stretched by corrections ``(B, 4)``."""
    size = bbox[:, 2:] * correction[:, 2:].exp()
    center = bbox[:, :2] + (bbox[:, 2:] - 1) / 2 + bbox[:, 2:] * correction[:, :2]
    return torch.cat([center - (size - 1) / 2, size], dim=1)


def correction_between(assumed: Tensor, true: Tensor) -> Tensor:
    """The correction that turns ``assumed`` into ``true``, the inverse of ``apply_correction``."""
    moved = true[:, :2] + (true[:, 2:] - 1) / 2 - assumed[:, :2] - (assumed[:, 2:] - 1) / 2
    return torch.cat([moved / assumed[:, 2:], (true[:, 2:] / assumed[:, 2:]).log()], dim=1)
