"""Distillation: the distance of a backbone's features from a teacher's."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from tracker.backbones import Backbone

UNUSED_WEIGHT = 0.2
"""Weight of a layer on the way to the features: these are taught too (docs/model-zoo.md)."""


class Imitation(nn.Module):
    """A teacher whose features a student's are to equal, cell by cell, on any image.

    The error of each channel is measured in the teacher's own standard deviations, so that a stage's loss is the
    share of the teacher's variance that the student leaves unexplained: 1 for a student that says the mean everywhere,
    0 for one that says what the teacher says (after Romero et al., FitNets, ICLR 2015). No box is needed.

    Args:
        teacher: backbone with the same stages as the student.
        images: batches float32 ``(B, 3, S, S)`` RGB in [0, 255] on which the deviations are measured; at least one.

    Raises:
        ValueError: there is no image.
    """

    def __init__(self, teacher: Backbone, images: Iterable[Tensor]) -> None:
        super().__init__()
        self.teacher = teacher.eval().requires_grad_(False)
        for index, deviation in enumerate(feature_deviations(self.teacher, images)):
            self.register_buffer(f"deviation{index}", deviation, persistent=False)

    def forward(self, student: Backbone, images: Tensor, forced: float = 0.0) -> tuple[Tensor, Tensor]:
        """Compare a student with the teacher.

        A layer learns slowly while the layers before it still say something else every time. Of the forced images each
        layer sees what the teacher's layer before it says, so that all of them learn at once (teacher forcing, Williams
        and Zipser, 1989).

        Args:
            student: backbone in training.
            images: float32 ``(B, 3, S, S)`` RGB in [0, 255].
            forced: share of the images that are forced, in [0, 1]: the first of the batch.

        Returns:
            The loss of each image, float32 ``(B,)``: the sum of the stages' shares, those on the way with
            `UNUSED_WEIGHT`; and the shares of the stages that are used, float32 ``(stages,)``, detached.

        Raises:
            ValueError: the student's stages have another form than the teacher's.
        """
        with torch.no_grad():
            wanted = self.teacher.stages(images)
        count = round(forced * len(images))

        def instead(stage: int, ours: Tensor) -> Tensor:
            return torch.cat([wanted[stage].features[:count].to(ours), ours[count:]])

        got = student.stages(images, instead if count else None)
        forms = [[tuple(stage.features.shape[1:]) for stage in stages] for stages in (wanted, got)]
        if forms[0] != forms[1]:
            raise ValueError(
                f"a student must have its teacher's stages (channels, height, width) {forms[0]}, got {forms[1]}: "
                "choose a model.backbone of the teacher's form"
            )
        loss, shares = images.new_zeros(len(images)), []
        for index, (theirs, ours) in enumerate(zip(wanted, got, strict=True)):
            error = (ours.features.float() - theirs.features.float()) / self.get_buffer(f"deviation{index}")
            share = error.square().mean((1, 2, 3))
            loss = loss + (1.0 if theirs.is_used else UNUSED_WEIGHT) * share
            if theirs.is_used:
                shares.append(share.detach().mean())
        return loss, torch.stack(shares)


@torch.no_grad()
def feature_deviations(backbone: Backbone, images: Iterable[Tensor]) -> list[Tensor]:
    """Standard deviation of each channel of each stage over all cells of all images.

    Args:
        backbone: in evaluation mode.
        images: batches float32 ``(B, 3, S, S)``.

    Returns:
        For each stage float32 ``(C, 1, 1)``, at least 1e-3.

    Raises:
        ValueError: there is no image.
    """
    moments: list[list[Tensor]] = []
    for batch in images:
        features = [stage.features.double() for stage in backbone.stages(batch)]
        moments.append([torch.stack([one.mean((0, 2, 3)), one.square().mean((0, 2, 3))]) for one in features])
    if not moments:
        raise ValueError(
            "the teacher's deviations must be measured on at least one batch of images, got none"
        )
    found = []
    for stage in zip(*moments, strict=True):
        mean, square = torch.stack(stage).mean(0)
        found.append((square - mean.square()).clamp_min(1e-6).sqrt().float()[:, None, None])
    return found
