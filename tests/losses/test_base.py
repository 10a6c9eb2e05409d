"""What every registered loss must do in every setting; a new loss is tested here without an edit."""

import copy
import importlib
import inspect
import pickle
import sys

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

import losses
from losses import build_loss, list_losses
from losses.registry import loss_class

MAP, CLASSES, ROWS = (3, 1, 4, 5), 5, 6
COUNTS = {
    "class": [100, 50, 20, 5, 1],
    "spatial": list(range(1, 21)),
    "binary": [90, 10],
    "regress": [90, 10],
}
OUT_OF_RANGE = {
    "a": (0, -1, float("nan"), "10"),
    "c": (float("inf"),),
    "gamma": (-0.1, None),
    "beta": (-0.1,),
    "k": (0,),
    "margin": (0.4, 1.0),
    "delta": (float("nan"),),
    "epsilon": (-0.1, float("inf")),
    "threshold": (-0.1,),
    "mu": (0,),
    "bins": (0, 2.5),
    "momentum": (-0.1, 1.0),
    "alpha": (-0.1,),
    "counts": ([0, 1], [3, 2.5], [4]),
    "start_epoch": (-1,),
    "start_step": (-1,),
    "importance": ("log",),
    "normalize": ("mean",),
    "normalizer": ("sum",),
    "space": ("log",),
    "class_weight": ("ib",),
    "base": ("mse",),
    "setting": ("regression",),
    "reduction": ("average",),
}


def all_cases():
    return [(name, setting) for name in list_losses() for setting in loss_class(name).settings]


def build(name, setting, **arguments):
    parameters = inspect.signature(loss_class(name)).parameters
    given = {"setting": setting, "counts": COUNTS[setting]}
    return build_loss(name, **({key: given[key] for key in given if key in parameters} | arguments))


def inputs(setting, seed=0, dtype=torch.float64):
    """Prediction and target of a setting, away from the kinks of the losses."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.rand(*shape, generator=generator, dtype=dtype)

    if setting == "class":
        return 4 * draw(ROWS, CLASSES) - 2, torch.randint(CLASSES, (ROWS,), generator=generator)
    label = draw(*MAP) * 0.9
    label[..., 1, 2] = 1
    if setting == "regress":
        return label + draw(*MAP) * 0.8 - 0.4, label
    if setting == "binary":
        label[..., 2:, :] = 0
    return 4 * draw(*MAP) - 2, label


def extras(loss, prediction):
    """The further inputs that a loss asks for in its call."""
    parameters = inspect.signature(loss.forward).parameters
    generator = torch.Generator().manual_seed(1)
    found = {}
    if "features" in parameters:
        shape = (prediction.shape[0], 3, *prediction.shape[2:])
        found["features"] = torch.rand(shape, generator=generator, dtype=torch.float64).to(prediction.dtype)
    if "beta" in parameters:
        flat = prediction.flatten(1)
        found["beta"] = torch.rand(flat.shape, generator=generator).round().to(prediction.dtype)
    return found


def call(loss, prediction, target, **given):
    return loss(prediction, target, **(extras(loss, prediction) | given))


def check_reductions(name, setting):
    prediction, target = inputs(setting)
    none, total, mean, batchmean = (
        call(build(name, setting, reduction=reduction), prediction, target)
        for reduction in ("none", "sum", "mean", "batchmean")
    )
    assert none.shape[0] == prediction.shape[0]
    assert none.dtype == torch.float64
    assert none.isfinite().all()
    assert (none >= 0).all()
    assert total.shape == mean.shape == batchmean.shape == ()
    torch.testing.assert_close(total, none.sum())
    torch.testing.assert_close(batchmean, none.sum() / prediction.shape[0])
    assert total >= mean > 0


def check_inputs_are_left_alone(name, setting):
    prediction, target = inputs(setting)
    before = prediction.clone(), target.clone()
    call(build(name, setting), prediction, target, mask=torch.ones(len(prediction)))
    assert torch.equal(prediction, before[0])
    assert torch.equal(target, before[1])


def check_mask(name, setting):
    loss = build(name, setting)
    prediction, target = inputs(setting)
    given = extras(loss, prediction)
    ones = torch.ones(len(prediction), dtype=torch.bool)
    whole = loss(prediction, target, **given)
    torch.testing.assert_close(loss(prediction, target, mask=ones, **given), whole)

    mask = ones.clone()
    mask[1] = False
    kept = loss(prediction[mask], target[mask], **{key: value[mask] for key, value in given.items()})
    prediction[1] = float("nan")
    if target.is_floating_point():
        target[1] = float("nan")
    else:
        target[1] = -100
    prediction.requires_grad_()
    masked = loss(prediction, target, mask=mask, **given)
    torch.testing.assert_close(masked, kept)
    (gradient,) = torch.autograd.grad(masked, prediction)
    assert gradient.isfinite().all()
    assert (gradient[1] == 0).all()
    assert (gradient[0] != 0).any()

    nothing = loss(prediction, target, mask=torch.zeros(len(prediction)), **given)
    assert nothing.isnan() or nothing == 0
    assert not nothing.isnan()


def check_location_mask(name, setting):
    if setting not in ("regress", "binary"):
        return
    loss = build(name, setting)
    prediction, target = inputs(setting)
    mask = torch.ones(MAP)
    mask[..., 3] = 0
    masked = call(loss, prediction, target, mask=mask)
    given = {key: value[..., [0, 1, 2, 4]] for key, value in extras(loss, prediction).items()}
    kept = loss(prediction[..., [0, 1, 2, 4]], target[..., [0, 1, 2, 4]], **given)
    torch.testing.assert_close(masked, kept)
    torch.testing.assert_close(call(loss, prediction, target, mask=mask[:1]), masked)


def check_shape_errors(name, setting):
    loss = build(name, setting)
    prediction, target = inputs(setting)
    with pytest.raises(ValueError, match="got"):
        call(loss, prediction, target[:1])
    with pytest.raises(ValueError, match="got"):
        call(loss, prediction, target, mask=torch.ones(len(prediction) + 1))
    with pytest.raises(ValueError, match="got"):
        loss(prediction[:0], target[:0])
    with pytest.raises(TypeError, match="floating"):
        loss(prediction.long(), target)


def check_bad_hyper_parameters(name, setting):
    parameters = inspect.signature(loss_class(name)).parameters
    for argument, values in OUT_OF_RANGE.items():
        if argument in parameters:
            for value in values:
                if value is None and parameters[argument].default is None:
                    continue
                with pytest.raises((ValueError, TypeError), match=argument):
                    build(name, setting, **{argument: value})


def check_state_dict_round_trip(name, setting):
    prediction, target = inputs(setting)
    loss = build(name, setting)
    call(loss, prediction, target)
    twin = build(name, setting)
    twin.load_state_dict(loss.state_dict(), strict=True)
    torch.testing.assert_close(call(twin, prediction, target), call(loss, prediction, target))


def check_copies(name, setting):
    prediction, target = inputs(setting)
    loss = build(name, setting)
    expected = call(loss, prediction, target)
    for twin in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        torch.testing.assert_close(call(twin, prediction, target), expected)
    assert type(loss).__name__ in repr(loss)


def check_gradients(name, setting, **arguments):
    loss = build(name, setting, reduction="sum", **arguments).eval()
    prediction, target = inputs(setting)
    prediction.requires_grad_()

    def function(x):
        return call(loss, x, target)

    assert gradcheck(function, (prediction,), fast_mode=True)
    assert gradgradcheck(function, (prediction,), fast_mode=True)


def check_half_precision_is_widened(name, setting):
    loss = build(name, setting)
    for dtype in (torch.bfloat16, torch.float16):
        prediction, target = inputs(setting, dtype=torch.float32)
        prediction = (20 * prediction).to(dtype).requires_grad_()
        with torch.autocast("cpu", dtype=dtype):
            value = call(loss, prediction, target.to(dtype) if target.is_floating_point() else target)
        assert value.dtype == torch.float32
        (gradient,) = torch.autograd.grad(value, prediction)
        assert value.isfinite()
        assert gradient.isfinite().all()


def check_saturated_inputs_are_finite(name, setting, **arguments):
    loss = build(name, setting, **arguments)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        _, target = inputs(setting, dtype=torch.float32)
        if target.is_floating_point():
            target[:, :, -1] = 0
            target = target.to(dtype)
        shape = target.shape if setting != "class" else (ROWS, CLASSES)
        generator = torch.Generator().manual_seed(3)
        values = torch.tensor([-1000.0, -100, -40, 0, 40, 100, 1000])
        if setting == "regress":  # nothing saturates, but a power of the error leaves float16
            values = values / 25
        # Gradients of a mean: of a sum, influence-balanced weights are more than float16 holds.
        prediction = values[torch.randint(7, shape, generator=generator)].to(dtype).requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16 if dtype == torch.float32 else dtype):
            value = call(loss, prediction, target)
        (gradient,) = torch.autograd.grad(value, prediction, create_graph=dtype == torch.float32)
        assert value.dtype == torch.float32
        assert value.isfinite()
        assert gradient.isfinite().all()
        if dtype == torch.float32 and gradient.requires_grad:
            (second,) = torch.autograd.grad(gradient.sum(), prediction, allow_unused=True)
            assert second is None or second.isfinite().all()


def check_order_of_samples_is_nothing(name, setting):
    loss = build(name, setting, reduction="sum")
    prediction, target = inputs(setting)
    given = extras(loss, prediction)
    expected = loss(prediction, target, **given)
    order = torch.randperm(len(prediction), generator=torch.Generator().manual_seed(2))
    shuffled = {key: value[order] for key, value in given.items()}
    torch.testing.assert_close(loss(prediction[order], target[order], **shuffled), expected)
    if setting == "class" or "counts" in inspect.signature(type(loss)).parameters:
        return

    def move(x):
        return x.flip(-1).roll(1, -2)

    moved = {key: move(value) for key, value in given.items()}
    torch.testing.assert_close(loss(move(prediction), move(target), **moved), expected)


CHECKS = [value for name, value in sorted(globals().items()) if name.startswith("check_")]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__[6:])
@pytest.mark.parametrize(("name", "setting"), all_cases())
def test_contract(name, setting, check):
    check(name, setting)


VARIANTS = [
    ("focal-regression", "regress", {"gamma": 0.5}),
    ("focal-regression", "regress", {"gamma": 0.0}),
    ("shrinkage", "regress", {"importance": "none", "a": 100.0, "c": 0.7}),
    ("shrinkage", "regress", {"importance": "dslt_code"}),
    ("ghm-r", "regress", {"normalize": "bins", "momentum": 0.7, "mu": 0.02}),
    ("ghm-c", "binary", {"normalize": "bins", "momentum": 0.75, "bins": 30}),
    ("ghm-c", "class", {"normalize": "bins", "bins": 30}),
    ("hard-truncated", "binary", {"margin": 0.7}),
    ("hard-truncated", "binary", {"delta": 0.2}),
    ("soft-truncated", "binary", {"gamma": 0.5, "alpha": 0.3, "margin": 0.7}),
    ("soft-truncated", "binary", {"space": "prob", "gamma": 0.5, "alpha": 0.3}),
    ("soft-truncated", "binary", {"space": "prob", "k": 1000.0, "gamma": 0.0, "subtract_entropy": False}),
    ("focal", "binary", {"gamma": 0.5, "alpha": None}),
    ("focal", "binary", {"gamma": 0.0, "normalizer": "num_pos"}),
    ("focal", "class", {"gamma": 0.5}),
    ("quality-focal", "binary", {"beta": 0.5}),
    ("quality-focal", "binary", {"beta": 0.0}),
    ("gaussian-focal", "binary", {"alpha": 0.5, "beta": 0.0}),
    ("label-smoothing", "class", {"epsilon": 0.0}),
    ("label-smoothing", "class", {"prior": [5, 2, 1, 0, 1]}),
    ("label-smoothing", "binary", {"prior": 0.1}),
    ("eql", "class", {"threshold": 0.1, "background_class": 0}),
    ("seql", "class", {"threshold": 0.1}),
    ("seql", "spatial", {"threshold": 0.03}),
    ("influence-balanced", "class", {"class_weight": "code"}),
    ("influence-balanced", "class", {"start_epoch": 5}),
    ("class-balanced", "class", {"base": "sigmoid", "beta": 0.0}),
    ("class-balanced", "class", {"base": "focal", "gamma": 0.5}),
]


@pytest.mark.parametrize("check", [check_gradients, check_saturated_inputs_are_finite])
@pytest.mark.parametrize(("name", "setting", "arguments"), VARIANTS)
def test_contract_beyond_the_defaults(name, setting, arguments, check):
    check(name, setting, **arguments)


NEW_FAMILY = '''
"""A loss that did not exist a moment ago."""
from losses import ModulatedLoss, register_loss

@register_loss("quartic")
class Quartic(ModulatedLoss):
    setting = "regress"

    def base_loss(self, prediction, target):
        return (prediction - target).square()

    def modulation(self, prediction, target):
        return (prediction - target).square()
'''


@pytest.fixture
def new_family(tmp_path, monkeypatch):
    """A file with a loss, in a folder that the package looks in, as a new file in losses/ would be."""
    (tmp_path / "quartic.py").write_text(NEW_FAMILY)
    monkeypatch.setattr(losses, "__path__", [*losses.__path__, str(tmp_path)])
    list_losses()
    registered = importlib.import_module("losses.registry")._LOSSES
    yield
    registered.pop("quartic")
    sys.modules.pop("losses.quartic")


@pytest.mark.usefixtures("new_family")
def test_a_new_file_is_all_that_a_new_loss_needs():
    assert "quartic" in list_losses()
    assert "quartic" in list_losses("regress")
    assert ("quartic", "regress") in all_cases()
    assert build_loss("quartic")(torch.tensor([2.0]), torch.zeros(1)) == 16
    for check in CHECKS:
        check("quartic", "regress")


@pytest.mark.parametrize("name", list_losses())
def test_docstrings_teach(name):
    """A formula, the reference, the shapes, every argument, and an example (a doctest)."""
    loss = loss_class(name)
    for part in ("L = ", "Reference: ", "Shapes: ", "Example:\n"):
        assert part in loss.__doc__
    for argument in set(inspect.signature(loss).parameters) - {"reduction", "setting"}:
        assert f"    {argument}: " in loss.__doc__
