"""A loss and its slope from one pass.

Autograd, compiled or not, evaluates the exponentials of a pointwise loss again in the backward pass, or
keeps several maps for it. Here the forward pass computes the derivative as well, while its parts are at
hand, and the backward pass is one product. Second derivatives go through the slope's own formula.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def fused(
    prediction: Tensor,
    target: Tensor,
    value_and_slope: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    slope: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """Pointwise ``value_and_slope(prediction, target)[0]``, differentiable by the prediction only.

    Args:
        prediction: any shape.
        target: of the same shape; gets no gradient.
        value_and_slope: the loss and its derivative by the prediction.
        slope: that derivative alone, smooth wherever it is to be differentiated again.
    """
    return _Fused.apply(prediction, target, value_and_slope, slope)[0]


class _Fused(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(
        prediction: Tensor,
        target: Tensor,
        value_and_slope: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
        slope: Callable[[Tensor, Tensor], Tensor],
    ) -> tuple[Tensor, Tensor]:
        return value_and_slope(prediction, target)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(*inputs[:2], output[1])
        ctx.slope = inputs[3]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        prediction, target, slope = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative may follow: the saved slope is a constant to it
            slope = ctx.slope(prediction, target)
        return gradients[0] * slope, None, None, None
