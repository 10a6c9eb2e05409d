"""Losses that trackers learn with on line: from their text on the command line to a criterion of response and label."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from experiments.config_file import parse_yaml
from losses import Loss
from losses.registry import build_map_loss
from losses.settings import easy_background_share, in_the_setting, predicted


def parse_loss(text: str) -> dict[str, Any]:
    """A loss as the command line names it, as `losses.registry.build_map_loss` takes it.

    >>> parse_loss("shrinkage:c=0.1,importance=none")
    {'name': 'shrinkage', 'c': 0.1, 'importance': 'none'}

    Raises:
        ValueError: an unknown loss, one that is for classes, or an argument without ``=``.
        TypeError: an argument that the loss does not have.
    """
    name, _, arguments = text.partition(":")
    loss: dict[str, Any] = {"name": name}
    for argument in filter(None, arguments.split(",")):
        key, equals, value = argument.partition("=")
        if not equals:
            raise ValueError(f"a loss must be NAME or NAME:ARGUMENT=VALUE,…, got {text!r}")
        loss[key] = parse_yaml(value, f"{key} of loss {text!r}")
    build_map_loss(**loss)
    return loss


class ResponseLoss(nn.Module):
    """A tracker's ``criterion`` made of a loss for maps (reduction ``none``), summed over the locations.

    Logits are ``10 · response``, less 5 where the loss is ``binary``. Training starts from these two numbers
    (`losses.settings`); on line nothing learns them.
    """

    reduction = "sum"

    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, response: Tensor, label: Tensor) -> Tensor:
        """The sum, a scalar, of maps ``(N, 1, h, w)``."""
        return self.loss(*in_the_setting(self.loss.setting, response, label)).sum()

    def easy_background_share(self, response: Tensor, label: Tensor) -> float:
        """See `losses.settings.easy_background_share`."""
        score, label = in_the_setting(self.loss.setting, response, label)
        return easy_background_share(self.loss(score, label), predicted(self.loss.setting, score), label)


def online_criterion(loss: Mapping[str, Any], solver: str) -> nn.Module:
    """The criterion that a tracker with this solver learns with.

    Args:
        loss: as `parse_loss` gives it.
        solver: registered name.

    Raises:
        ValueError: the solver does not take losses of this setting.
    """
    setting = build_map_loss(**loss).setting
    if setting == "regress":
        return build_map_loss(**loss, reduction="sum")
    if solver != "adam":
        raise ValueError(
            f"solver {solver} takes losses of setting regress only, and {loss['name']} is of setting {setting}: take "
            "dslt-paper or dslt-code, whose solver is adam"
        )
    return ResponseLoss(build_map_loss(**loss, reduction="none"))
