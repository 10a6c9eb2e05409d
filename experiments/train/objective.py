"""The training objective: a loss of the response, of any setting, plus the box head's loss."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, distributed, nn

from experiments.train.imitation import Imitation
from losses import Loss
from losses.influence import window_norms
from losses.settings import LOGIT_BIAS, LOGIT_SCALE, in_the_setting, predicted
from tracker.network.box_head import box_loss
from tracker.network.filter_layers import SpatialLayer
from tracker.network.regression_net import NetworkOutput, RegressionNet


class PairOutcome(NamedTuple):
    """The losses and maps of a batch; all but ``loss`` are detached.

    Attributes:
        loss: float32 scalar to differentiate; the mean over the processes is the loss of the whole batch.
        response_loss: the response's loss.
        box_loss: the box head's loss, unweighted; 0 without a box head.
        sample_loss: float32 ``(B,)``, the response's loss of each pair, unnormalised.
        location_loss: float32 ``(B, 1, h, w)``, the same of each location; ``(B,)`` if a map is one sample.
        prediction: float32 ``(B, 1, h, w)``, compared with ``label``; one cell without a response.
        label: float32 ``(B, 1, h, w)``.
        imitation_loss: the teacher's term, unweighted; 0 without a teacher.
        unexplained: float32 ``(stages,)``, unexplained shares of the teacher's variance; empty without a teacher.
    """

    loss: Tensor
    response_loss: Tensor
    box_loss: Tensor
    sample_loss: Tensor
    location_loss: Tensor
    prediction: Tensor
    label: Tensor
    imitation_loss: Tensor
    unexplained: Tensor


class PairObjective(nn.Module):
    """A network and its training loss.

    The network's response approximates the label. A loss of setting ``regress`` takes the response itself. A loss
    of logits takes ``scale · response + bias``, because a response of 1 is not a confident logit. Both are learned,
    from 10 and -5: there the sigmoid is one half where the response is. For ``binary`` the label is divided by its
    maximum, so that a target between two cells has a positive. For ``spatial`` the label is a density and there is
    no bias, to which a softmax is blind.

    The loss does not depend on how a batch is split over processes: it is divided by the samples of the whole batch.

    Args:
        net: the network.
        criterion: a loss of setting regress, binary or spatial, whose ``reduction`` is ``none``.
        box_weight: weight of the box head's loss.
        imitation: compares the backbone with a teacher; or None.
        imitation_weight: weight of the teacher's term beside the response's loss; 0 leaves it out.
    """

    imitation: Imitation | None

    def __init__(
        self,
        net: RegressionNet,
        criterion: Loss,
        *,
        box_weight: float = 1.0,
        imitation: Imitation | None = None,
        imitation_weight: float = 0.0,
    ) -> None:
        super().__init__()
        self.net, self.criterion, self.box_weight = net, criterion, box_weight
        self.imitation_weight = imitation_weight
        # Not a part of the module: the teacher is neither trained nor kept in checkpoints.
        object.__setattr__(self, "imitation", imitation)
        if criterion.setting != "regress":
            self.log_scale = nn.Parameter(torch.tensor(math.log(LOGIT_SCALE)))
        if criterion.setting == "binary":
            self.bias = nn.Parameter(torch.tensor(LOGIT_BIAS))

    def forward(
        self,
        template: Tensor,
        template_bbox: Tensor,
        search: Tensor,
        search_bbox: Tensor,
        *,
        distilling: bool = False,
        forced: float = 0.0,
    ) -> PairOutcome:
        """Compute the losses of pairs.

        Args:
            template: float32 ``(B, 3, S, S)`` RGB in [0, 255].
            template_bbox: float32 ``(B, 4)``, x, y, w, h in template pixels, 0-based.
            search: float32 ``(B, 3, S, S)``.
            search_bbox: float32 ``(B, 4)``, in search pixels.
            distilling: compute the teacher's term alone; boxes are not used.
            forced: share of the images whose layers see what the teacher's say, in [0, 1]; see ``Imitation``.
        """
        imitation, unexplained = self._imitate(template, search, distilling, forced)
        if distilling:
            nothing = imitation.new_zeros(())
            no_map = imitation.new_zeros(len(imitation), 1, 1, 1)
            each = imitation.detach()
            return PairOutcome(
                imitation.mean(), nothing, nothing, each, each, no_map, no_map, each.mean(), unexplained
            )
        regression = self.net(template, template_bbox, search)
        response = regression.response
        with torch.autocast(response.device.type, enabled=False):
            label = self.net.label(search_bbox, template_bbox, (response.shape[-2], response.shape[-1]))
            score, label = self._in_the_setting(response, label)
            loss = self.criterion(score, label, **self._features(regression, template_bbox))
            total = loss.sum() / self._samples(loss, label)
            box = total.new_zeros(())
            if regression.boxes is not None:
                box = box_loss(regression.boxes, search_bbox)
        return PairOutcome(
            total + self.box_weight * box + self.imitation_weight * imitation.mean(),
            total.detach(),
            box.detach(),
            loss.detach().flatten(1).sum(1) if loss.ndim > 1 else loss.detach(),
            loss.detach(),
            predicted(self.criterion.setting, score.detach()),
            label,
            imitation.detach().mean(),
            unexplained,
        )

    def _features(self, output: NetworkOutput, template_bbox: Tensor) -> dict[str, Tensor]:
        """The sums of |features| under the filter at each location, for losses that weigh samples by them.

        A filter as large as the map sees all of it from every location; a spatial filter sees a window.
        """
        if not self.criterion.needs_features:
            return {}
        seen = output.features.detach().float()
        if isinstance(self.net.filter_layer, SpatialLayer):
            columns, rows = (
                (template_bbox[:, 2:].mean(0) / self.net.stride).round().clamp_min(1).int().tolist()
            )
            return {"features": window_norms(seen, (rows, columns))}
        return {"features": seen.abs().sum((1, 2, 3)).view(-1, 1, 1, 1).expand_as(output.response)}

    def _imitate(
        self, template: Tensor, search: Tensor, distilling: bool, forced: float
    ) -> tuple[Tensor, Tensor]:
        """The teacher's term of each pair ``(B,)`` and the unexplained shares; 0 and empty without a teacher."""
        if self.imitation is None or not (distilling or self.imitation_weight):
            return template.new_zeros(len(template)), template.new_zeros(0)
        loss, unexplained = self.imitation(self.net.backbone, torch.cat([template, search]), forced)
        return loss.view(2, -1).mean(0), unexplained

    def _in_the_setting(self, response: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Convert response and label to what the criterion takes."""
        setting = self.criterion.setting
        if setting == "regress":
            return response, label
        bias = self.bias if setting == "binary" else 0.0
        return in_the_setting(setting, response, label, self.log_scale.exp(), bias)

    def _samples(self, loss: Tensor, label: Tensor) -> Tensor | int:
        """The divisor of the loss's own mean, averaged over the processes."""
        samples = self.criterion.denominator(loss, label, None)
        if isinstance(samples, Tensor) and distributed.is_available() and distributed.is_initialized():
            samples = samples.detach().float()
            distributed.all_reduce(samples)
            samples = samples / distributed.get_world_size()
        return samples
