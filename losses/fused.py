"""A loss and its slope from one pass.

Autograd, compiled or not, evaluates the exponentials of a pointwise loss again in the backward pass, or
keeps several maps for it. Here the forward pass computes the derivative as well, while its parts are at
hand, and the backward pass is one product. Second derivatives go through the slope's own formula. (Of
forward over forward mode, ``jacfwd(jacfwd(...))``, torch makes 0 for any function of this kind: take
``torch.func.hessian`` instead.)
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

ValueAndSlope = Callable[..., tuple[Tensor, Tensor]]
Slope = Callable[..., Tensor]


def fused(
    value_and_slope: ValueAndSlope,
    prediction: Tensor,
    target: Tensor,
    *constants: float | str,
    weight: Tensor | None = None,
    slope: Slope | None = None,
) -> Tensor:
    """Pointwise ``value_and_slope(prediction, target, *constants)[0]``, differentiable by the prediction.

    Args:
        value_and_slope: the loss and its derivative by the prediction.
        prediction: any shape.
        target: of the same shape; gets no gradient.
        *constants: further arguments of the functions. (As a closure they would cost a compiled call more.)
        weight: factor of the loss, of the same shape; gets no gradient.
        slope: the derivative alone, smooth wherever it is to be differentiated again; default: the one of
            ``value_and_slope``.
    """
    function = _Fused if torch.compiler.is_compiling() else _FusedWithTangent
    return function.apply(prediction, target, weight, value_and_slope, slope, *constants)[0]


class _Fused(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(
        prediction: Tensor,
        target: Tensor,
        weight: Tensor | None,
        value_and_slope: ValueAndSlope,
        slope: Slope | None,
        *constants: float | str,
    ) -> tuple[Tensor, Tensor]:
        loss, derivative = value_and_slope(prediction, target, *constants)
        return (loss, derivative) if weight is None else (loss * weight, derivative * weight)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(*inputs[:3], output[1])
        ctx.save_for_forward(*inputs[:3])
        ctx.recipe = inputs[3:]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, derivative = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative may follow: the saved slope is a constant to it
            derivative = _derivative(*tensors, *ctx.recipe)
        return gradients[0] * derivative, *[None] * (len(ctx.needs_input_grad) - 1)


class _FusedWithTangent(_Fused):
    """With forward mode, which a compiler refuses to trace."""

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> tuple[Tensor, None]:
        return tangents[0] * _derivative(*ctx.saved_tensors[:3], *ctx.recipe), None


def _derivative(
    prediction: Tensor,
    target: Tensor,
    weight: Tensor | None,
    value_and_slope: ValueAndSlope,
    slope: Slope | None,
    *constants: float | str,
) -> Tensor:
    if slope is None:
        derivative = value_and_slope(prediction, target, *constants)[1]
    else:
        derivative = slope(prediction, target, *constants)
    return derivative if weight is None else derivative * weight
