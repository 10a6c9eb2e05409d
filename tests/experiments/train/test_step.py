"""One optimiser step: averaging, accumulation, precision, what is decayed."""

import numpy as np
import pytest
import torch
from torch import nn

from data.pairs.dataset import PairBatch
from experiments.train.build import build_learner
from experiments.train.processes import Processes
from experiments.train.step import WeightAverage
from tests.material.tiny_training import settings

ALONE = Processes(0, 1, torch.device("cpu"))


def learner(*options):
    return build_learner(settings("nowhere", *options), ALONE)


def batch(size=4, side=48, seed=0):
    rng = np.random.default_rng(seed)
    images = torch.from_numpy(rng.integers(0, 256, (2, size, 3, side, side), dtype=np.uint8))
    box = torch.tensor([16.0, 16, 16, 16]).repeat(size, 1)
    moved = box + torch.from_numpy(rng.uniform(-6, 6, (size, 4)).astype(np.float32)) * torch.tensor(
        [1, 1, 0.3, 0.3]
    )
    return PairBatch(images[0], box, images[1], moved, tuple(f"pair {number}" for number in range(size)))


def weights(learner):
    return {name: tensor.clone() for name, tensor in learner.objective.state_dict().items()}


def test_the_mean_of_the_weights_against_a_float64_loop():
    net = nn.BatchNorm1d(3)
    average, expected = WeightAverage(net, 0.8), net.weight.detach().double().numpy().copy()
    rng = np.random.default_rng(0)
    for update in range(30):
        values = rng.normal(size=3)
        with torch.no_grad():
            net.weight.copy_(torch.from_numpy(values))
            net.running_mean.fill_(update)
        average.update(net)
        decay = min(0.8, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * values.astype(np.float32)
    np.testing.assert_allclose(average.net.weight.numpy(), expected, rtol=1e-5)
    assert average.net.running_mean.tolist() == [29] * 3
    assert not average.net.weight.requires_grad


def test_no_averaging_takes_the_weights_as_they_are():
    one = learner("--ema-decay=0")
    one.step(batch(), 1e-2, 0)
    for averaged, present in zip(one.average.net.parameters(), one.objective.net.parameters(), strict=True):
        assert torch.equal(averaged, present)


@pytest.mark.parametrize("loss", ["l2", "bce", "spatial-ce"])
def test_parts_of_a_batch_give_the_gradient_of_the_whole(loss):
    found = []
    for parts in (1, 2, 4):
        one = learner(
            f"--loss.name={loss}",
            f"--compute.accumulation={parts}",
            "--optimiser.name=sgd",
            "--optimiser.clip=0",
        )
        numbers = one.step(batch(), 0.1, 0).numbers
        found.append((numbers, torch.cat([tensor.flatten() for tensor in weights(one).values()])))
    for numbers, values in found[1:]:
        torch.testing.assert_close(numbers, found[0][0], rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(values, found[0][1], rtol=1e-5, atol=1e-6)


def test_gradients_are_clipped_to_the_norm():
    """Without momentum's history a first SGD step moves the weights by rate · clipped gradient."""
    one = learner("--optimiser.name=sgd", "--optimiser.clip=0.01", "--optimiser.weight-decay=0")
    before = weights(one)
    norm = float(one.step(batch(), 0.5, 0).numbers[-1])
    moved = sum(float((weights(one)[name] - before[name]).double().square().sum()) for name in before) ** 0.5
    assert norm > 0.01
    assert moved == pytest.approx(0.5 * 0.01, rel=1e-3)


def test_decay_and_the_backbone_s_rate_go_where_they_should():
    one = learner("--optimiser.weight-decay=0.1", "--optimiser.backbone-factor=0.25")
    group_of = {id(p): group for group in one.optimiser.param_groups for p in group["params"]}
    named = dict(one.objective.named_parameters())
    assert len(group_of) == len(named)
    for name, parameter in named.items():
        group = group_of[id(parameter)]
        assert group["factor"] == (0.25 if "backbone" in name else 1)
        assert group["weight_decay"] == (0.1 if parameter.ndim > 1 else 0)
    one.step(batch(), 0.02, 0)
    assert {group["lr"] for group in one.optimiser.param_groups} == {0.02, 0.005}


@pytest.mark.parametrize(
    "options", [["--compute.precision=bf16"], ["--compute.precision=fp16"], ["--compute.channels-last"]]
)
def test_other_precisions_and_formats_give_the_same_loss_nearly(options):
    plain, other = learner(), learner(*options)
    for number in range(3):
        one, two = plain.step(batch(), 1e-3, number).numbers, other.step(batch(), 1e-3, number).numbers
        torch.testing.assert_close(one[:3], two[:3], rtol=0.03, atol=1e-4)
    assert all(tensor.dtype != torch.bfloat16 for tensor in weights(other).values())


def seen_in(learner, part):
    """Inputs and outputs of a part of the network in a step and in an evaluation."""
    seen = []
    hook = part.register_forward_hook(lambda _, given, made: seen.append((given[0], made)))
    learner.step(batch(), 1e-3, 0)
    learner.evaluate(batch())
    hook.remove()
    assert len(seen) == 2
    return seen


def first_convolution(learner):
    return next(layer for layer in learner.objective.net.backbone.modules() if isinstance(layer, nn.Conv2d))


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_the_forward_pass_has_the_precision_asked_for(precision, dtype):
    one = learner(f"--compute.precision={precision}")
    assert {made.dtype for _, made in seen_in(one, first_convolution(one))} == {dtype}
    assert one.scaler.is_enabled() == (precision == "fp16")  # the others' gradients do not underflow


@pytest.mark.parametrize("flag", ["--compute.channels-last", "--compute.no-channels-last"])
def test_images_and_convolutions_have_the_memory_format_asked_for(flag):
    """What the network is given; what it makes of it inside is its own choice."""
    one = learner(flag)
    images = [given for given, _ in seen_in(one, one.objective.net.backbone)]
    for tensor in (*images, first_convolution(one).weight):
        assert tensor.is_contiguous(memory_format=torch.channels_last) == (flag == "--compute.channels-last")


@pytest.mark.parametrize("flag", ["--compute.compile", "--compute.no-compile"])
def test_backbone_and_loss_go_through_the_compiler_if_asked_to(flag, monkeypatch):
    """What torch.compile makes is replaced by the same function, counted; the slow test below compiles in earnest."""
    called = []

    def compile_(function, **_):
        return lambda *given, **named: (called.append(type(function.__self__)), function(*given, **named))[1]

    monkeypatch.setattr(torch, "compile", compile_)
    one = learner(flag)
    one.step(batch(), 1e-3, 0)
    parts = {type(one.objective.net.backbone), type(one.objective.criterion)}
    assert set(called) == (parts if flag == "--compute.compile" else set())


def test_images_travel_as_uint8_and_become_float_where_they_are_used():
    inputs = learner()._to_device(batch(), 0)
    assert inputs[0].dtype == inputs[2].dtype == torch.float32
    assert inputs[0].max() > 200


@pytest.mark.slow
def test_a_compiled_step_gives_the_same_loss():
    plain, compiled = learner("--optimiser.name=sgd"), learner("--optimiser.name=sgd", "--compute.compile")
    for number in range(2):
        one, two = plain.step(batch(), 1e-3, number).numbers, compiled.step(batch(), 1e-3, number).numbers
        torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-5)
    assert weights(plain).keys() == weights(compiled).keys()


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_step_on_a_gpu_gives_the_same_loss_nearly(precision):
    plain = learner()
    other = build_learner(
        settings("nowhere", f"--compute.precision={precision}"), Processes(0, 1, torch.device("cuda", 0))
    )
    one, two = plain.step(batch(), 1e-3, 0).numbers, other.step(batch(), 1e-3, 0).numbers.cpu()
    torch.testing.assert_close(one[:3], two[:3], rtol=0.03, atol=1e-4)
