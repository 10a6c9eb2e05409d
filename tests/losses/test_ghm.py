"""GHM against the loop over bins of its papers' code, its running density, and two processes."""

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.multiprocessing

from losses import build_loss
from losses.ghm import authentic_smooth_l1, bin_counts, gradient_bins

NONE = {"reduction": "none"}


def harmonized(g, base, bins, normalize):
    """Weight times base, bin by bin as in the papers."""
    weight = np.zeros_like(g)
    edges = np.linspace(0, 1, bins + 1)
    edges[-1] = np.inf
    nonempty = 0
    for low, high in pairwise(edges):
        inside = (g >= low) & (g < high)
        if inside.any():
            weight[inside] = g.size / inside.sum()
            nonempty += 1
    return weight / (nonempty if normalize == "nonempty" else bins) * base


@pytest.mark.parametrize("normalize", ["nonempty", "bins"])
@pytest.mark.parametrize("bins", [1, 10, 30])
def test_ghm_c(agrees, formulas, logits_and_labels, bins, normalize):
    logits, hard, soft = logits_and_labels
    for label in (hard, soft):
        y = label.numpy()

        def g(x, y=y):
            return np.abs(formulas.sigmoid(x) - y)

        def oracle(x, y=y, g=g):
            return harmonized(g(x), formulas.bce(x, y), bins, normalize)

        agrees(build_loss("ghm-c", bins=bins, normalize=normalize, **NONE), logits, label, oracle)


def test_ghm_c_of_classes_is_k_sigmoids(rows, formulas):
    logits, target, _ = rows
    one_hot = np.eye(4)[target.numpy()]
    x = logits.numpy()
    expected = harmonized(np.abs(formulas.sigmoid(x) - one_hot), formulas.bce(x, one_hot), 10, "nonempty")
    np.testing.assert_allclose(build_loss("ghm-c", setting="class", **NONE)(logits, target), expected)
    mask = torch.tensor([1, 0, 1, 1, 0, 1, 1, 1])
    kept = build_loss("ghm-c", setting="class")(logits[mask == 1], target[mask == 1])
    torch.testing.assert_close(build_loss("ghm-c", setting="class")(logits, target, mask=mask), kept)


@pytest.mark.parametrize("mu", [0.02, 0.1])
def test_ghm_r(agrees, mu):
    generator = torch.Generator().manual_seed(0)
    label = torch.rand(2, 1, 5, 5, generator=generator, dtype=torch.float64)
    response = label + 0.2 * torch.randn(label.shape, generator=generator, dtype=torch.float64)
    y = label.numpy()

    def oracle(p):
        root = np.sqrt((p - y) ** 2 + mu**2)
        return harmonized(np.abs(p - y) / root, root - mu, 10, "nonempty")

    agrees(build_loss("ghm-r", mu=mu, **NONE), response, label, oracle)


def test_asl1_keeps_the_digits_of_small_errors():
    d = torch.tensor([0, 1e-6, 1e-5])
    torch.testing.assert_close(
        authentic_smooth_l1(d, torch.zeros(3), 0.02), torch.tensor([0, 2.5e-11, 2.5e-9]), rtol=1e-4, atol=0
    )


def test_one_bin_only_is_the_plain_mean():
    logits = torch.full((2, 1, 3, 3), -3.0, dtype=torch.float64)
    label = torch.zeros_like(logits)
    torch.testing.assert_close(build_loss("ghm-c")(logits, label), build_loss("bce")(logits, label))


def test_no_momentum_is_no_memory(logits_and_labels):
    logits, _, soft = logits_and_labels
    memoryless, nearly = build_loss("ghm-c", **NONE), build_loss("ghm-c", momentum=1e-12, **NONE)
    first = memoryless(logits, soft)
    memoryless(-logits, soft)
    assert (memoryless.acc_sum == 0).all()
    assert torch.equal(memoryless(logits, soft), first)
    torch.testing.assert_close(nearly(logits, soft), first)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_largest_gradient_is_in_the_last_bin(dtype):
    g = torch.tensor([0, 0.05, 0.95, 1], dtype=dtype)
    assert gradient_bins(g, 10).tolist() == [0, 0, 9, 9]
    assert bin_counts(gradient_bins(g, 10), 10).tolist() == [2, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    loss = build_loss("ghm-c")(torch.tensor([1000.0]), torch.zeros(1))
    assert loss == 1000


@pytest.mark.parametrize("bins", [1, 10, 126, 127, 128, 300])
@pytest.mark.parametrize("samples", [1, 2, 999, 1000])
def test_bins_are_counted_two_at_a_time_or_one_by_one(bins, samples):
    index = np.random.default_rng(bins).integers(0, bins + 1, samples)  # bin M is of what is masked out
    counts = bin_counts(torch.from_numpy(index).int(), bins)
    assert counts.tolist() == np.bincount(index, minlength=bins + 1)[:bins].tolist()


def test_running_density_as_in_the_released_code(formulas):
    """Starts at 0 without correction; an empty bin does not decay; evaluation does not update."""
    loss = build_loss("ghm-c", momentum=0.75, **NONE)
    label = torch.zeros(4, dtype=torch.float64)
    first = torch.tensor([-4.0, -4, -4, 4], dtype=torch.float64)
    weight = loss(first, label) / torch.from_numpy(formulas.bce(first.numpy(), 0))
    torch.testing.assert_close(loss.acc_sum[[0, 9]], torch.tensor([0.75, 0.25], dtype=torch.float64))
    torch.testing.assert_close(weight, torch.tensor([4 / 0.75 / 2] * 3 + [4 / 0.25 / 2], dtype=torch.float64))
    loss(torch.full((4,), -4.0, dtype=torch.float64), label)
    torch.testing.assert_close(
        loss.acc_sum[[0, 9]], torch.tensor([0.75 * 0.75 + 1, 0.25], dtype=torch.float64)
    )

    twin = build_loss("ghm-c", momentum=0.75, **NONE)
    twin.load_state_dict(loss.state_dict())
    before = loss.acc_sum.clone()
    loss.eval()
    expected = loss(first, label)
    loss.modulation(first, label)
    assert torch.equal(loss.acc_sum, before)
    torch.testing.assert_close(twin(first, label), expected)


def test_effective_contribution_of_each_bin_is_flat():
    """The point of GHM: before, one bin holds nearly everything; after, every filled bin holds the same."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 1, 60, 60, generator=generator) * 3 - 4
    label = torch.zeros_like(logits)
    loss = build_loss("ghm-c")
    index = gradient_bins(logits.sigmoid(), 10)
    count = bin_counts(index, 10)
    share = torch.zeros(10).scatter_add_(0, index.flatten(), loss.modulation(logits, label).flatten())
    assert count.max() > 5 * count.sum() / 10
    torch.testing.assert_close(share, torch.full((10,), count.sum() / 10), rtol=1e-4, atol=0)


@pytest.mark.parametrize("name", ["ghm-c", "ghm-r"])
def test_histogram_of_each_sample_by_vmap(name):
    generator = torch.Generator().manual_seed(0)
    responses, labels = torch.rand(2, 3, 1, 4, 4, generator=generator, dtype=torch.float64)
    loss = build_loss(name)
    for dims, arguments in (((0, None), (responses, labels[0])), ((None, 0), (responses[0], labels))):
        values = torch.func.vmap(loss, in_dims=dims)(*arguments)
        pairs = [[x if d is None else x[i] for x, d in zip(arguments, dims, strict=True)] for i in range(3)]
        torch.testing.assert_close(values, torch.stack([loss(*pair) for pair in pairs]))


def run_process(rank, store, results):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    logits, label = torch.load(f"{store}.inputs", weights_only=True)
    logits = logits[rank].requires_grad_()
    loss = build_loss("ghm-c", momentum=0.5)
    value = loss(logits, label[rank])
    value.backward()
    results[rank] = (value.item(), logits.grad.tolist(), loss.acc_sum.tolist())
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_weigh_by_the_density_of_both(tmp_path):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 30, generator=generator, dtype=torch.float64) * 3 - 2
    label = torch.rand(2, 30, generator=generator, dtype=torch.float64).round()
    torch.save((logits, label), tmp_path / "store.inputs")
    results = torch.multiprocessing.Manager().dict()
    torch.multiprocessing.spawn(run_process, (str(tmp_path / "store"), results), nprocs=2)

    whole = build_loss("ghm-c", momentum=0.5)
    logits.requires_grad_()
    value = whole(logits, label)
    value.backward()
    assert np.mean([results[rank][0] for rank in (0, 1)]) == pytest.approx(value.item())
    gradients = np.array([results[rank][1] for rank in (0, 1)]) / 2  # DDP averages over processes
    np.testing.assert_allclose(gradients, logits.grad)
    assert results[0][2] == results[1][2] == whole.acc_sum.tolist()
