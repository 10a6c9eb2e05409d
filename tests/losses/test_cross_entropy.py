"""BCE, CE and spatial CE against their formulas and their values at saturation."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from losses import build_loss
from losses.cross_entropy import binary_entropy, binary_residual

NONE = {"reduction": "none"}


def test_bce(agrees, formulas, logits_and_labels):
    logits, hard, soft = logits_and_labels
    for label in (hard, soft):
        y = label.numpy()
        agrees(
            build_loss("bce", **NONE), logits, label, lambda x, y=y: formulas.bce(x, y),
            gradient=lambda x, y=y: formulas.sigmoid(x) - y,
        )  # fmt: skip


def test_ce_of_indices_and_of_soft_targets(agrees, formulas, rows):
    logits, target, _ = rows
    agrees(build_loss("ce", **NONE), logits, target, lambda x: formulas.ce(x, target.numpy()))
    soft = torch.rand(8, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    soft = soft / soft.sum(1, keepdim=True)

    def oracle(x):
        return -(soft.numpy() * formulas.log_softmax(x)).sum(1)

    agrees(build_loss("ce", **NONE), logits, soft, oracle)
    torch.testing.assert_close(build_loss("ce")(logits, target), F.cross_entropy(logits, target))


def test_spatial_ce_is_ce_over_the_locations(agrees, formulas, logits_and_labels):
    logits, _, density = logits_and_labels
    q = density.flatten(1).numpy()
    q = q / q.sum(1, keepdims=True)

    def oracle(z):
        return -(q * formulas.log_softmax(z.reshape(2, -1))).sum(1)

    agrees(build_loss("spatial-ce", **NONE), logits, density, oracle)
    agrees(build_loss("spatial-ce", **NONE), logits, 7 * density, oracle)  # normalised inside


def test_a_map_without_a_target_has_a_uniform_density_or_is_masked():
    logits = torch.randn(2, 1, 4, 3, generator=torch.Generator().manual_seed(0))
    density = torch.rand(2, 1, 4, 3, generator=torch.Generator().manual_seed(1))
    absent = density.clone()
    absent[1] = 0
    loss = build_loss("spatial-ce", **NONE)
    uniform = loss(logits, torch.ones_like(density))
    torch.testing.assert_close(loss(logits, absent)[1], uniform[1])
    masked = build_loss("spatial-ce")(logits, absent, mask=torch.tensor([1, 0]))
    torch.testing.assert_close(masked, loss(logits, density)[0])


def test_small_losses_keep_their_digits():
    logits = torch.tensor([[30.0, 0.0, -1.0]], dtype=torch.float64)
    exact = np.log1p(np.exp(-30) + np.exp(-31))
    assert build_loss("ce")(logits, torch.tensor([0])).item() == pytest.approx(exact, rel=1e-12)
    bce = build_loss("bce")(torch.tensor([-30.0], dtype=torch.float64), torch.zeros(1))
    assert bce.item() == pytest.approx(np.log1p(np.exp(-30)), rel=1e-12)


def test_the_floor_of_soft_labels():
    y = torch.tensor([0, 0.1, 0.5, 1], dtype=torch.float64)
    at_the_label = build_loss("bce", **NONE)(torch.logit(y[1:3]), y[1:3])
    torch.testing.assert_close(at_the_label, binary_entropy(y)[1:3])
    assert binary_entropy(y)[0] == binary_entropy(y)[3] == 0


def test_residual_of_saturated_logits():
    """In float32 1 - sigmoid(20) is 0."""
    assert binary_residual(torch.tensor(20.0), torch.tensor(1.0)).item() == pytest.approx(
        -np.exp(-20), rel=1e-5
    )


BINARY = [
    ("bce", {}),
    *(("focal", {"gamma": gamma, "alpha": None}) for gamma in (0, 0.5, 1, 2)),
    ("quality-focal", {}),
    ("quality-focal", {"beta": 0.5}),
    ("gaussian-focal", {}),
    ("soft-truncated", {}),
    ("soft-truncated", {"space": "prob"}),
    ("hard-truncated", {}),
    ("ghm-c", {}),
    ("shrinkage-bce", {}),
    ("label-smoothing", {"setting": "binary"}),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("name", "arguments"), BINARY)
def test_saturated_logits_are_finite(name, arguments, dtype):
    values = torch.tensor([-1000.0, -100, -40, 0, 40, 100, 1000])
    logits = torch.cat([values, values]).to(dtype).requires_grad_()
    label = torch.cat([torch.zeros(7), torch.ones(7)]).to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16 if dtype == torch.float32 else dtype):
        loss = build_loss(name, **arguments, reduction="sum")(logits, label)
    (gradient,) = torch.autograd.grad(loss, logits, create_graph=dtype == torch.float32)
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    assert gradient.isfinite().all()
    if dtype == torch.float32:
        (second,) = torch.autograd.grad(gradient.sum(), logits)
        assert second.isfinite().all()


@pytest.mark.parametrize(
    ("name", "arguments"), [("bce", {}), ("focal", {"alpha": None}), ("quality-focal", {})]
)
def test_values_at_saturation(name, arguments):
    logits = torch.tensor([100.0, -100.0], requires_grad=True)
    loss = build_loss(name, **arguments, **NONE)(logits, torch.zeros(2))
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    assert loss.tolist() == [100, pytest.approx(0, abs=1e-43)]
    assert gradient.tolist() == [1, pytest.approx(0, abs=1e-43)]
