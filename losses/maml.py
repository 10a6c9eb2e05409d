"""MAML: learn the weights from which one gradient step on a support set fits a query set.

In the tracker it initialises the filter, which then needs few steps on the first frame:
``load_tracker("hog", initial=weights)`` starts the ``spatial`` filter from weights ``(C, rows, columns)``.
MAML needs a loss that can be differentiated twice; every loss of this package can.

Reference: Finn et al., "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks", ICML 2017.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call

Parameters = dict[str, Tensor]


def adapt(
    model: nn.Module,
    criterion: Callable[[Tensor, Tensor], Tensor],
    support: tuple[Tensor, Tensor],
    *,
    lr: float,
    steps: int = 1,
    first_order: bool = False,
) -> Parameters:
    """Run the inner loop: theta' = theta - lr · grad L(theta) on the support set, ``steps`` times.

    The model keeps its weights theta. The result is differentiable by theta: by default through the
    gradient too, d theta'/d theta = I - lr · Hessian; ``first_order`` takes I instead.

    Args:
        model: maps an input to a prediction.
        criterion: loss of (prediction, target), a scalar.
        support: input and target.
        lr: inner learning rate.
        steps: number of gradient steps.
        first_order: leave out the Hessian, which costs less time.

    Returns:
        Adapted parameters by name, for ``torch.func.functional_call``.

    Example:
        >>> from losses import build_loss
        >>> head, criterion = nn.Linear(2, 1), build_loss("shrinkage")
        >>> support = query = (torch.ones(3, 2), torch.ones(3, 1))
        >>> meta_loss(head, criterion, [(support, query)], lr=0.1).backward()
        >>> head.weight.grad.shape
        torch.Size([1, 2])
    """
    inputs, target = support

    def objective(parameters: Parameters) -> Tensor:
        return criterion(functional_call(model, parameters, (inputs,)), target)

    parameters = dict[str, Tensor](model.named_parameters())
    for _ in range(steps):
        gradients = torch.func.grad(objective)(parameters)
        if first_order:
            gradients = {name: gradient.detach() for name, gradient in gradients.items()}
        parameters = {name: value - lr * gradients[name] for name, value in parameters.items()}
    return parameters


def meta_loss(
    model: nn.Module,
    criterion: Callable[[Tensor, Tensor], Tensor],
    tasks: list[tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]],
    *,
    lr: float,
    steps: int = 1,
    first_order: bool = False,
) -> Tensor:
    """Compute the outer objective: the sum over tasks of the query loss after ``adapt`` on the support set.

    ``meta_loss(...).backward()`` leaves the meta gradient in the model's parameters.

    Args:
        model: see ``adapt``.
        criterion: see ``adapt``.
        tasks: (support, query) of each task, each an input and a target.
        lr: see ``adapt``.
        steps: see ``adapt``.
        first_order: see ``adapt``.
    """
    losses = []
    for support, (inputs, target) in tasks:
        adapted = adapt(model, criterion, support, lr=lr, steps=steps, first_order=first_order)
        losses.append(criterion(functional_call(model, adapted, (inputs,)), target))
    return torch.stack(losses).sum()
