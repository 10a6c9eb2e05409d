"""Pointwise losses whose forward pass also computes the derivative.

Autograd, compiled or not, evaluates the exponentials of a pointwise loss again in the backward pass, or
keeps several maps for it. Here the forward pass computes the derivative as well, while its parts are at
hand, and the backward pass is one product. Without a compiler the pass works in place: on large maps,
allocating each intermediate result costs several times more than computing it. Second
derivatives go through the slope's own formula. For forward over forward mode,
``jacfwd(jacfwd(...))``, torch returns 0 for any custom function: use ``torch.func.hessian`` instead.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

ValueAndSlope = Callable[..., tuple[Tensor, Tensor]]
Slope = Callable[..., Tensor]
Constant = float | str | Callable[..., Any]


def fused(
    value_and_slope: ValueAndSlope, slope: Slope, prediction: Tensor, target: Tensor, *constants: Constant
) -> Tensor:
    """Compute ``value_and_slope(prediction, target, *constants)[0]``, differentiable by the prediction.

    Args:
        value_and_slope: the loss and its derivative by the prediction. It is not differentiated, and may therefore
            work in place on its own intermediate results.
        slope: the derivative alone, smooth wherever it is to be differentiated again.
        prediction: any shape.
        target: of the same shape; gets no gradient.
        *constants: further arguments of both functions. (As a closure they would cost a compiled call more.)
    """
    return _function().apply(prediction, target, None, None, None, value_and_slope, slope, *constants)[0]


def weighted(
    value: Tensor,
    derivative: Tensor,
    weight: Tensor,
    slope: Slope,
    prediction: Tensor,
    target: Tensor,
    *constants: Constant,
) -> Tensor:
    """Multiply a loss and its derivative, both computed before, by a weight that gets no gradient.

    For weights that depend on the derivative, such as GHM's. The tensors have one shape; only ``prediction``
    gets a gradient, and ``value`` and ``derivative`` are used up. ``slope`` as of ``fused``, without the weight.
    """
    return _function().apply(prediction, target, weight, value, derivative, None, slope, *constants)[0]


class _Fused(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(
        prediction: Tensor,
        target: Tensor,
        weight: Tensor | None,
        value: Tensor | None,
        derivative: Tensor | None,
        value_and_slope: ValueAndSlope | None,
        slope: Slope,
        *constants: Constant,
    ) -> tuple[Tensor, Tensor]:
        if value_and_slope is not None:
            return value_and_slope(prediction, target, *constants)
        assert weight is not None
        assert value is not None
        assert derivative is not None
        if torch.compiler.is_compiling():
            return value * weight, derivative * weight
        # Views, because an input that is returned cannot be saved.
        return value.mul_(weight).view_as(value), derivative.mul_(weight).view_as(derivative)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(*inputs[:3], output[1])
        ctx.save_for_forward(*inputs[:3])
        ctx.recipe = inputs[6:]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, derivative = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative may follow: the saved slope is a constant to it
            derivative = _derivative(*tensors, *ctx.recipe)
        return gradients[0] * derivative, *[None] * (len(ctx.needs_input_grad) - 1)


class _FusedWithTangent(_Fused):
    """``_Fused`` with forward mode, which a compiler refuses to trace."""

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> tuple[Tensor, None]:
        return tangents[0] * _derivative(*ctx.saved_tensors[:3], *ctx.recipe), None


def _function() -> type[_Fused]:
    return _Fused if torch.compiler.is_compiling() else _FusedWithTangent


def _derivative(
    prediction: Tensor, target: Tensor, weight: Tensor | None, slope: Slope, *constants: Constant
) -> Tensor:
    derivative = slope(prediction, target, *constants)
    return derivative if weight is None else derivative * weight
