"""Appearance jitter: independent of how a batch is split, within range, and boxes stay true."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from data.pairs.jitter_appearance import PhotometricJitter, blur_kernels, neighbours, rotate
from data.pairs.settings import Appearance

NOTHING = dict.fromkeys(vars(Appearance()), 0.0)


def only(**settings):
    return PhotometricJitter(Appearance(**{**NOTHING, **settings}))


def batch(count=8, size=64, seed=0):
    rng = torch.Generator().manual_seed(seed)
    template, search = 255 * torch.rand(2, count, 3, size, size, generator=rng)
    boxes = torch.tensor([[20.0, 24, 20, 16]]).repeat(count, 1)
    return template, boxes, search, boxes + torch.tensor([3.0, -5, 2, 1])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def square(bbox, size=96):
    """A square, smoothly drawn, of value 1."""
    pixels = torch.arange(size, dtype=torch.float64)
    x, y, w, h = bbox
    along = ((w / 2 - (pixels - x - (w - 1) / 2).abs()) + 0.5).clamp(0, 1)
    down = ((h / 2 - (pixels - y - (h - 1) / 2).abs()) + 0.5).clamp(0, 1)
    return torch.outer(down, along)[None, None]


class TestTheWhole:
    @pytest.mark.parametrize("world_size", [2, 4])
    def test_every_pair_gets_the_same_however_the_batch_is_split(self, world_size):
        jitter, pairs = PhotometricJitter(), batch()
        whole = jitter(*pairs, seeded())
        share = 8 // world_size
        parts = [
            jitter(
                *(t[rank * share : (rank + 1) * share] for t in pairs),
                seeded(),
                rank=rank,
                world_size=world_size,
            )
            for rank in range(world_size)
        ]
        for index in range(2):
            joined = torch.cat([part[index] for part in parts])
            torch.testing.assert_close(joined, whole[index], rtol=0, atol=1e-3)

    def test_the_memory_format_changes_nothing(self):
        jitter, pairs = PhotometricJitter(), batch()
        moved = [t.to(memory_format=torch.channels_last) if t.ndim == 4 else t for t in pairs]
        for one, other in zip(jitter(*pairs, seeded()), jitter(*moved, seeded()), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-3)

    def test_the_generator_decides_all(self):
        jitter, pairs = PhotometricJitter(), batch()
        first, again, other = (jitter(*pairs, seeded(seed)) for seed in (1, 1, 2))
        assert torch.equal(first[0], again[0])
        assert torch.equal(first[1], again[1])
        assert not torch.equal(first[0], other[0])

    def test_values_stay_in_range_and_arguments_as_they_were(self):
        pairs = batch(count=32)
        copies = [tensor.clone() for tensor in pairs]
        for seed in range(5):
            for crops in PhotometricJitter(Appearance(gain=1, bias=100, curve=2, noise=1))(
                *pairs, seeded(seed)
            ):
                assert crops.shape == pairs[0].shape
                assert crops.dtype == torch.float32
                assert 0 <= crops.min() <= crops.max() <= 255
        assert all(map(torch.equal, pairs, copies))

    def test_nothing_changes_nothing(self):
        pairs = batch()
        template, search = only()(*pairs, seeded())
        torch.testing.assert_close(template, pairs[0], rtol=0, atol=1e-3)
        torch.testing.assert_close(search, pairs[2], rtol=0, atol=1e-3)

    def test_template_and_search_are_changed_independently(self):
        template, boxes, _, _ = batch(count=64)
        first, second = only(gain=0.1)(template, boxes, template, boxes, seeded())
        logs = [torch.log(crops.mean((1, 2, 3)) / template.mean((1, 2, 3))) for crops in (first, second)]
        assert abs(np.corrcoef(*logs)[0, 1]) < 0.4

    @pytest.mark.parametrize("name", ["blur", "grey", "noise", "occluder", "distractor"])
    def test_probabilities_are_probabilities(self, name):
        with pytest.raises(ValueError, match=f"{name} of Appearance must be a probability"):
            Appearance(**{name: 1.2})
        with pytest.raises(ValueError, match="gain of Appearance must be finite"):
            Appearance(gain=-1.0)

    def test_an_odd_batch_has_neighbours_too(self):
        assert neighbours(5, torch.device("cpu")).tolist() == [1, 0, 3, 2, 4]
        pairs = batch(count=1)
        assert torch.isfinite(
            PhotometricJitter(Appearance(occluder=1, distractor=1))(*pairs, seeded())[1]
        ).all()


class TestLight:
    def test_gain_has_the_deviation_it_says(self):
        grey = torch.full((4000, 3, 8, 8), 60.0)
        boxes = torch.tensor([[2.0, 2, 4, 4]]).repeat(4000, 1)
        changed, _ = only(gain=0.2)(grey, boxes, grey, boxes, seeded())
        logs = torch.log(changed[:, 0, 0, 0] / 60)
        assert logs.std().item() == pytest.approx(0.2, rel=0.05)
        assert logs.mean().item() == pytest.approx(0, abs=0.02)

    def test_bias_is_in_grey_levels(self):
        grey = torch.full((4000, 3, 8, 8), 120.0)
        boxes = torch.tensor([[2.0, 2, 4, 4]]).repeat(4000, 1)
        changed, _ = only(bias=8)(grey, boxes, grey, boxes, seeded())
        assert (changed - 120)[:, 0, 0, 0].std().item() == pytest.approx(8, rel=0.05)

    def test_the_tone_curve_keeps_black_white_and_the_order_between(self):
        ramp = torch.linspace(0, 255, 256).expand(50, 3, 256, 256)
        boxes = torch.tensor([[2.0, 2, 4, 4]]).repeat(50, 1)
        changed, _ = only(curve=1.0)(ramp, boxes, ramp, boxes, seeded())
        assert (changed[:, :, 0, 0].abs() < 1e-3).all()
        assert ((changed[:, :, 0, 255] - 255).abs() < 1e-3).all()
        assert (changed[:, 0, 0].diff(dim=1) > 0).all()
        assert changed[:, 0, 0, 128].std() > 10

    def test_grey_pairs_are_grey_on_both_sides(self):
        template, search = PhotometricJitter(Appearance(grey=1, noise=0))(*batch(), seeded())
        for crops in (template, search):
            assert (crops.amax(1) - crops.amin(1)).max() < 1e-2

    def test_noise_is_noise(self):
        flat = torch.full((64, 3, 64, 64), 128.0)
        boxes = torch.tensor([[20.0, 20, 16, 16]]).repeat(64, 1)
        first, second = only(noise=1.0)(flat, boxes, flat, boxes, seeded())
        deviations = first.std((1, 2, 3))
        assert 0 < deviations.min() < 2
        assert 8 < deviations.max() < 10.5
        assert abs(np.corrcoef(first[0].flatten(), second[0].flatten())[0, 1]) < 0.05
        assert abs(np.corrcoef(first[0].flatten(), first[1].flatten())[0, 1]) < 0.05


class TestShape:
    def test_blur_kernels_have_the_moments_they_say(self):
        along, across, angles = torch.tensor([[1.2, 0.8], [0.8, 0.8], [math.pi / 6, 1]]).double()
        kernels = blur_kernels(along, across, angles)
        steps = torch.arange(7.0).double() - 3
        assert kernels.sum((1, 2)).tolist() == pytest.approx([1, 1])
        across = (kernels * steps[None, None, :] ** 2).sum((1, 2))
        down = (kernels * steps[None, :, None] ** 2).sum((1, 2))
        mixed = (kernels * steps[None, :, None] * steps[None, None, :]).sum((1, 2))
        # rotated covariance: cos² σ² + sin² τ² and so on; the kernel's ends cut a little off
        assert across[0].item() == pytest.approx(0.75 * 1.44 + 0.25 * 0.64, rel=0.05)
        assert down[0].item() == pytest.approx(0.25 * 1.44 + 0.75 * 0.64, rel=0.05)
        assert mixed[0].item() == pytest.approx(math.sqrt(3) / 4 * (1.44 - 0.64), rel=0.1)
        assert mixed[1].item() == pytest.approx(0, abs=1e-6)

    def test_blur_keeps_brightness_and_loses_detail(self):
        pairs = batch(count=16)
        template, _ = only(blur=1.0)(*pairs, seeded())
        assert template.mean().item() == pytest.approx(pairs[0].mean().item(), abs=1)
        assert (template.std((1, 2, 3)) < 0.8 * pairs[0].std((1, 2, 3))).all()

    @pytest.mark.parametrize("angle", [0.0, 0.1, -0.3, math.pi / 2])
    def test_a_turned_target_keeps_its_centre(self, angle):
        bbox = (30.3, 40.6, 20.0, 12.0)
        crops = square(bbox)
        turned = rotate(crops, torch.tensor([bbox]).double(), torch.tensor([angle]).double())[0, 0]
        pixels = torch.arange(96.0).double()
        center = (turned.sum(0) @ pixels / turned.sum(), turned.sum(1) @ pixels / turned.sum())
        assert [float(c) for c in center] == pytest.approx([30.3 + 9.5, 40.6 + 5.5], abs=0.02)
        if angle == math.pi / 2:  # width and height change places
            assert (turned.max(0).values > 0.5).sum().item() == 12

    def test_turning_goes_clockwise_by_the_angle(self):
        """Against torch's own affine grid, about the middle of the crop."""
        crops = torch.rand(1, 3, 32, 32, generator=seeded()).double()
        bbox = torch.tensor([[10.0, 10, 12, 12]]).double()  # centre (15.5, 15.5), that of the crop
        cosine, sine = math.cos(0.4), math.sin(0.4)
        matrix = torch.tensor([[[cosine, sine, 0], [-sine, cosine, 0]]]).double()
        grid = F.affine_grid(matrix, [1, 3, 32, 32], align_corners=False)
        truth = F.grid_sample(crops, grid, padding_mode="border", align_corners=False)
        torch.testing.assert_close(
            rotate(crops, bbox, torch.tensor([0.4]).double()), truth, rtol=0, atol=1e-5
        )
        point = torch.zeros(1, 1, 33, 33)
        point[0, 0, 16, 26] = 1  # right of the centre goes down
        turned = rotate(point, torch.tensor([[16.0, 16, 1, 1]]), torch.tensor([math.pi / 2]))
        assert divmod(int(turned.argmax()), 33) == (26, 16)


class TestPasting:
    def test_a_distractor_is_the_neighbours_target_and_leaves_the_target(self):
        size = 96
        template = torch.zeros(2, 3, size, size)
        template[0, 0], template[1, 1] = 200.0, 200.0  # all red, all green
        search = torch.full((2, 3, size, size), 50.0)
        boxes = torch.tensor([[40.0, 38, 16, 20]]).repeat(2, 1)
        for seed in range(20):
            _, changed = only(distractor=1.0)(template, boxes, search, boxes, seeded(seed))
            assert torch.equal((changed[0] > 100).any(2).any(1), torch.tensor([False, True, False]))
            assert torch.equal((changed[1] > 100).any(2).any(1), torch.tensor([True, False, False]))
            inner = changed[:, :, 44:52, 45:51]
            torch.testing.assert_close(inner, torch.full_like(inner, 50), rtol=0, atol=1e-3)

    def test_an_occluder_covers_a_part_of_the_target(self):
        search = torch.zeros(2, 3, 96, 96)
        search[1] = 200
        boxes = torch.tensor([[30.0, 30, 30, 30]]).repeat(2, 1)
        shares = []
        for seed in range(40):
            _, changed = only(occluder=1.0)(search, boxes, search, boxes, seeded(seed))
            shares.append((changed[0, 0, 30:60, 30:60] > 100).float().mean().item())
            assert (changed[0, 0] > 100).float().mean() < 0.1
        assert 0.05 < np.mean(shares) < 0.5
        assert max(shares) < 0.75

    def test_it_happens_as_often_as_it_says(self):
        count = 2000
        search = torch.rand(count, 3, 24, 24, generator=seeded()) * 255
        boxes = torch.tensor([[8.0, 8, 8, 8]]).repeat(count, 1)
        _, changed = only(occluder=0.18)(search, boxes, search, boxes, seeded())
        share = ((changed - search).abs().amax((1, 2, 3)) > 1).float().mean().item()
        assert share == pytest.approx(0.18, abs=0.035)


@pytest.mark.gpu
def test_a_gpu_gives_what_a_cpu_gives():
    jitter, pairs = PhotometricJitter(), batch()
    here = jitter(*pairs, seeded())
    there = jitter.cuda()(*(tensor.cuda() for tensor in pairs), seeded())
    for first, second in zip(here, there, strict=True):
        torch.testing.assert_close(first, second.cpu(), rtol=0, atol=0.1)
