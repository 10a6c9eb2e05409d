"""The cost of the losses on a device: forward and backward over ``F.mse_loss``'s time."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from experiments.speed.clock import median_seconds
from losses import build_loss, list_losses
from losses.registry import loss_class

SHAPE = (32, 1, 127, 127)


def measure_losses(device: torch.device, quick: bool) -> list[dict[str, Any]]:
    """Measure each loss of response maps: microseconds at `SHAPE`, and the ratio to ``F.mse_loss``."""
    warm_up, repeats = (1, 2) if quick else (5, 50)
    prediction = torch.rand(SHAPE, device=device).requires_grad_()
    target = torch.rand(SHAPE, device=device)

    def seconds(loss: Callable[[Tensor, Tensor], Tensor]) -> float:
        def step() -> None:
            prediction.grad = None
            loss(prediction, target).backward()

        return median_seconds(step, device, warm_up=warm_up, repeats=repeats)

    base = seconds(F.mse_loss)
    rows = [{"loss": "mse_loss", "µs": 1e6 * base, "ratio": 1.0}]
    for name in list_losses():
        if not {"regress", "binary", "spatial"} & set(loss_class(name).settings):
            continue
        try:
            found = seconds(build_loss(name).to(device))
        except (TypeError, ValueError) as error:  # it needs what only a training run can give
            rows.append({"loss": name, "skipped": str(error).partition(":")[0][:60]})
            continue
        rows.append({"loss": name, "µs": 1e6 * found, "ratio": found / base})
    return rows
