"""Distillation: how far a backbone's features are from a teacher's."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from tracker.backbones import Backbone


class Imitation(nn.Module):
    """A teacher whose features a student's are to equal, cell by cell, on any image.

    The error of each channel is measured in the teacher's own standard deviations, so that the loss is the share of
    the teacher's variance that the student leaves unexplained: 1 for a student that says the mean everywhere, 0 for
    one that says what the teacher says (Romero et al., FitNets, ICLR 2015, with a fixed whitening in place of a
    learned regressor). No box is needed.

    Args:
        teacher: backbone of the same stride and blocks as the student.
        images: batches float32 ``(B, 3, S, S)`` RGB in [0, 255] on which the deviations are measured; at least one.

    Raises:
        ValueError: there is no image.
    """

    deviation: Tensor

    def __init__(self, teacher: Backbone, images: Iterable[Tensor]) -> None:
        super().__init__()
        self.teacher = teacher.eval().requires_grad_(False)
        self.register_buffer("deviation", feature_deviation(self.teacher, images), persistent=False)

    def check(self, student: Backbone) -> None:
        """Refuse a student whose features cannot be compared with the teacher's.

        Raises:
            ValueError: stride or channels differ.
        """
        wanted, got = ((net.stride, net.blocks) for net in (self.teacher, student))
        if wanted != got:
            raise ValueError(
                f"the teacher has features of stride and blocks {wanted}, the backbone that is to learn them {got}: "
                "choose a model.backbone of the teacher's form"
            )

    def forward(self, images: Tensor, features: Tensor) -> Tensor:
        """Share of variance left unexplained, float32 ``(B, blocks)``: of each image, for each block of channels.

        Args:
            images: float32 ``(B, 3, S, S)`` RGB in [0, 255].
            features: the student's, ``(B, C, S/stride, S/stride)``.
        """
        with torch.no_grad():
            wanted = self.teacher(images)
        error = ((features.float() - wanted.float()) / self.deviation).square().mean((2, 3))
        return torch.stack([block.mean(1) for block in error.split(self.teacher.blocks, dim=1)], dim=1)


@torch.no_grad()
def feature_deviation(backbone: Backbone, images: Iterable[Tensor]) -> Tensor:
    """Standard deviation of each channel over all cells of all images, float32 ``(C, 1, 1)``, at least 1e-3.

    Args:
        backbone: in evaluation mode.
        images: batches float32 ``(B, 3, S, S)``.

    Raises:
        ValueError: there is no image.
    """
    moments = [
        torch.stack([features.mean((0, 2, 3)), features.square().mean((0, 2, 3))])
        for features in (backbone(batch).double() for batch in images)
    ]
    if not moments:
        raise ValueError("the teacher's deviation must be measured on at least one batch of images, got none")
    mean, square = torch.stack(moments).mean(0)
    return (square - mean.square()).clamp_min(1e-6).sqrt().float()[:, None, None]
