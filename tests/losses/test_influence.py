"""Influence-balanced loss against its formula, its gradients and what it promises."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from losses import build_loss
from losses.influence import class_factors, window_norms

NONE = {"reduction": "none"}


@pytest.fixture
def features():
    return torch.randn(8, 5, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def factors(counts, alpha, class_weight):
    inverse = 1 / np.array(counts)
    return alpha * inverse / inverse.sum() * (len(counts) if class_weight == "code" else 1)


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("class_weight", ["paper", "code"])
def test_classes(agrees, formulas, rows, features, class_weight, detach):
    logits, target, counts = rows
    t = target.numpy()
    y, h = np.eye(4)[t], np.abs(features.numpy()).sum(1)
    scale = factors(counts, 10, class_weight)[t]

    def ib(x):
        return np.abs(np.exp(formulas.log_softmax(x)) - y).sum(1) * h + 1e-3

    def gradient(x):
        p = np.exp(formulas.log_softmax(x))
        slope = (p - y) / ib(x)[:, None]
        if not detach:
            rest = 2 * formulas.ce(x, t) * h * p[np.arange(8), t] / ib(x) ** 2
            slope = slope + rest[:, None] * (y - p)
        return scale[:, None] * slope

    loss = build_loss(
        "influence-balanced", counts=counts, alpha=10, class_weight=class_weight, detach_weight=detach, **NONE
    )

    def oracle(x):
        return scale * formulas.ce(x, t) / ib(x)

    agrees(loss, logits, target, oracle, gradient, features=features)
    agrees(loss, logits, F.one_hot(target, 4).double(), oracle, gradient, features=features)


def test_gradient_by_the_features(rows, features):
    logits, target, counts = rows
    features.requires_grad_()
    loss = build_loss("influence-balanced", counts=counts, reduction="sum")(logits, target, features=features)
    (slope,) = torch.autograd.grad(loss, features)
    ce = F.cross_entropy(logits, target, reduction="none")
    residual = (logits.softmax(1) - F.one_hot(target, 4)).abs().sum(1)
    ib = residual * features.abs().sum(1) + 1e-3
    scale = torch.from_numpy(factors(counts, 1000, "paper"))[target]
    expected = -(scale * ce * residual / ib**2)[:, None] * features.sign()
    torch.testing.assert_close(slope, expected)


@pytest.mark.parametrize("setting", ["regress", "binary"])
@pytest.mark.parametrize("counts", [None, [90, 10]])
def test_maps(agrees, formulas, logits_and_labels, setting, counts):
    prediction, _, label = logits_and_labels
    phi = torch.randn(2, 6, 4, 3, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    y, h = label.numpy(), np.abs(phi.numpy()).sum(1, keepdims=True)
    scale = 1000 if counts is None else factors(counts, 1000, "paper")[(y > 0.5).astype(int)]

    def oracle(x):
        residual = np.abs((formulas.sigmoid(x) if setting == "binary" else x) - y)
        base = formulas.bce(x, y) if setting == "binary" else (x - y) ** 2
        return scale * base / (residual * h + 1e-3)

    loss = build_loss("influence-balanced", counts=counts, setting=setting, **NONE)
    agrees(loss, prediction, label, oracle, features=phi)


def test_detached_gradient_by_the_last_layer_is_the_class_factor(rows, features):
    _, target, counts = rows
    loss = build_loss("influence-balanced", counts=counts, epsilon=0, detach_weight=True, **NONE)
    weight = torch.randn(
        4, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    ).requires_grad_()
    expected = class_factors(torch.tensor(counts))[target]
    for i, value in enumerate(loss(features @ weight.T, target, features=features)):
        (slope,) = torch.autograd.grad(value, weight, retain_graph=True)
        assert slope.abs().sum().item() == pytest.approx(expected[i].item())


def test_rare_classes_count_more():
    factor = class_factors(torch.tensor([1000, 100, 10, 2]))
    assert (factor.diff() > 0).all()
    assert factor.sum().item() == pytest.approx(1000)


def test_plain_base_before_the_start_epoch(rows, features):
    logits, target, _ = rows
    loss = build_loss("influence-balanced", start_epoch=3)

    def call(module):
        return module(logits, target, features=features)

    torch.testing.assert_close(call(loss), build_loss("ce")(logits, target))
    loss.set_epoch(3)
    torch.testing.assert_close(call(loss), call(build_loss("influence-balanced")))
    resumed = build_loss("influence-balanced", start_epoch=3)
    resumed.load_state_dict(loss.state_dict())
    torch.testing.assert_close(call(resumed), call(loss))


def test_plain_base_before_the_start_step():
    generator = torch.Generator().manual_seed(0)
    response, label = torch.rand(2, 2, 1, 4, 4, generator=generator)
    phi = torch.rand(2, 3, 4, 4, generator=generator)
    loss = build_loss("influence-balanced", setting="regress", start_step=2, start_epoch=1, alpha=5.0)
    always = build_loss("influence-balanced", setting="regress", alpha=5.0)(response, label, features=phi)
    plain = build_loss("l2")(response, label)
    for epoch, step, expected in (
        (0, 0, plain),
        (0, 2, plain),
        (1, 1, plain),
        (1, 2, always),
        (1, 3, always),
    ):
        loss.set_epoch(epoch)
        loss.set_step(step)
        torch.testing.assert_close(loss(response, label, features=phi), expected)
    with pytest.raises(ValueError, match="step must be a whole number >= 0, got -1"):
        loss.set_step(-1)


@pytest.mark.parametrize("kernel_hw", [(1, 1), (3, 3), (2, 3), (5, 4)])
def test_window_norms_are_the_gradient_by_the_filter(kernel_hw):
    """||h(u)||_1 is the 1-norm of the gradient of the response at u by the filter's weights."""
    phi = torch.randn(1, 3, 5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows, columns = kernel_hw
    padded = F.pad(phi, (columns // 2, columns - 1 - columns // 2, rows // 2, rows - 1 - rows // 2))
    weight = torch.zeros(1, 3, rows, columns, dtype=torch.float64, requires_grad=True)
    response = F.conv2d(padded, weight)
    gradients = [torch.autograd.grad(r, weight, retain_graph=True)[0] for r in response.flatten()]
    expected = torch.stack([gradient.abs().sum() for gradient in gradients]).view(response.shape)
    torch.testing.assert_close(window_norms(phi, kernel_hw), expected)


def test_a_dead_feature_is_finite_in_half_precision(rows):
    logits, target, _ = rows
    logits = logits.half().requires_grad_()
    loss = build_loss("influence-balanced")(logits, target, features=torch.zeros(8, 3, dtype=torch.float16))
    loss.backward()
    assert loss > 65504
    assert loss.isfinite()


def test_missing_or_misshapen_features(rows):
    logits, target, _ = rows
    loss = build_loss("influence-balanced")
    with pytest.raises(TypeError, match="features="):
        loss(logits, target)
    with pytest.raises(ValueError, match=r"features must be .* got \(7, 3\)"):
        loss(logits, target, features=torch.zeros(7, 3))
    with pytest.raises(ValueError, match="background and foreground"):
        build_loss("influence-balanced", counts=[1, 2, 3], setting="binary")
