"""Crops against a sampler that loops over pixels, and the two implementations against each other."""

import numpy as np
import pytest
import torch

from data.crop import SearchRegion, crop, crop_batch, paste


@pytest.fixture
def image():
    """Texture of several scales: what a bilinear sampler has to get right."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (12, 16, 3)).repeat(10, axis=0).repeat(10, axis=1)
    return (0.7 * coarse + 0.3 * rng.integers(0, 256, (120, 160, 3))).astype(np.uint8)


def sample(image, x, y):
    """Bilinear interpolation at (x, y), border repeated, one pixel at a time in float64."""
    height, width = image.shape[:2]
    left, top = int(np.floor(x)), int(np.floor(y))
    total = np.zeros(3)
    for column, weight_x in ((left, left + 1 - x), (left + 1, x - left)):
        for row, weight_y in ((top, top + 1 - y), (top + 1, y - top)):
            pixel = image[min(max(row, 0), height - 1), min(max(column, 0), width - 1)]
            total += weight_x * weight_y * pixel
    return total


def brute_force(image, left, top, side, size):
    """Crop whose pixels sample the middles of ``size`` equal parts of a square with that left upper pixel."""
    steps = (np.arange(size) + 0.5) * side / size - 0.5
    return np.array([[sample(image, left + dx, top + dy) for dx in steps] for dy in steps])


def as_tensor(image):
    return torch.from_numpy(image).permute(2, 0, 1)[None].double()


@pytest.mark.parametrize("region", [(40, 30, 32, 32), (40, 30, 32, 50), (-9, -4, 40, 48), (130, 90, 50, 60)])
def test_crop_is_bilinear_sampling_with_repeated_border(image, region):
    error = np.abs(crop(image, SearchRegion(*region)).astype(float) - brute_force(image, *region))
    # cv2 rounds to whole grey levels, and its outermost pixels see no further than the region.
    assert error[2:-2, 2:-2].max() <= 1.0


@pytest.mark.parametrize("region", [(170, 10, 16, 16), (-40, -60, 20, 20), (20, 500, 8, 8)])
def test_a_region_beside_the_image_shows_its_border(image, region):
    got = crop(image, SearchRegion(*region)).astype(float)
    assert np.abs(got - brute_force(image, *region)).max() <= 1.0


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_shrunk_crop_averages_what_it_covers(image, factor):
    got = crop(image, SearchRegion(8, 4, 20 * factor, 20))
    part = image[4 : 4 + 20 * factor, 8 : 8 + 20 * factor].astype(float)
    means = part.reshape(20, factor, 20, factor, 3).mean((1, 3))
    assert np.abs(got - means).max() <= 0.5 + 1e-9


def test_a_very_large_region_stays_centred():
    ramp = np.broadcast_to(np.arange(2000)[None, :, None] / 8, (2000, 2000, 3)).astype(np.uint8)
    region = SearchRegion.around((999.5, 999.5), 1900, 100)
    got = crop(ramp, region)[50, :, 0].astype(float)
    middles = region.x + (np.arange(100) + 0.5) * region.side / 100 - 0.5
    assert abs(np.mean(got - (middles / 8 - 0.5))) < 0.1  # the ramp is rounded down, half a level on average


@pytest.mark.parametrize("region", [(40, 30, 32, 50), (-9, -4, 40, 48), (10, 5, 60, 60)])
def test_the_batched_crop_samples_the_same_points(image, region):
    x, y, side, size = region
    center = torch.tensor([[x, y]]).double() + (side - 1) / 2
    got = (
        crop_batch(as_tensor(image), center, torch.tensor([side]).double(), size)[0].permute(1, 2, 0).numpy()
    )
    assert np.abs(got - brute_force(image, *region)).max() < 1e-9
    assert np.abs(got - crop(image, SearchRegion(*region)))[2:-2, 2:-2].max() <= 1.0


def test_the_batched_crop_takes_fractions_of_a_pixel(image):
    center, side, size = (63.3, 51.8), 30.7, 40
    place, extent = (torch.tensor([value], dtype=torch.float64) for value in (center, side))
    got = crop_batch(as_tensor(image), place, extent, size)
    truth = brute_force(image, center[0] - (side - 1) / 2, center[1] - (side - 1) / 2, side, size)
    assert np.abs(got[0].permute(1, 2, 0).numpy() - truth).max() < 1e-9


@pytest.mark.parametrize(("shrink", "tolerance"), [(2.0, 0.01), (1.4, 6.0), (2.7, 6.0)])
def test_both_crops_agree_when_they_shrink(image, shrink, tolerance):
    """Whole factors average the same pixels; between them the kernels differ by a few grey levels on average."""
    size = 30
    region = SearchRegion.around((80, 60), size * shrink, size)
    got = crop_batch(
        as_tensor(image), torch.tensor(region.center)[None], torch.tensor([float(region.side)]).double(), size
    )
    difference = np.abs(got[0].permute(1, 2, 0).numpy() - crop(image, region))
    assert difference.mean() <= tolerance + 0.5


def test_a_batch_cuts_each_crop_out_of_its_own_image(image):
    images = torch.cat([as_tensor(image), as_tensor(image[::-1].copy())])
    centers = torch.tensor([[50.0, 40.0], [70.0, 60.0]]).double()
    sides = torch.tensor([20.0, 24.0]).double()
    together = crop_batch(images, centers, sides, 16)
    apart = [crop_batch(images[i : i + 1], centers[i : i + 1], sides[i : i + 1], 16) for i in range(2)]
    assert torch.equal(together, torch.cat(apart))


def test_the_region_itself_becomes_the_whole_crop():
    region = SearchRegion(12, -7, 100, 200)
    assert region.to_crop([[12, -7, 100, 100], [62, 43, 1, 1]]).tolist() == [
        [0, 0, 200, 200],
        [100, 100, 2, 2],
    ]
    assert np.isnan(region.to_crop([np.nan] * 4)).all()


def test_a_box_lands_on_the_pixels_it_covers(image):
    marked = np.zeros_like(image)
    marked[40:50, 60:80] = 255
    region = SearchRegion(50, 30, 40, 120)
    rows, columns = np.nonzero(crop(marked, region)[..., 0] > 127)
    assert region.to_crop([60, 40, 20, 10]).tolist() == [
        columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1
    ]  # fmt: skip


@pytest.mark.parametrize("region", [(40, 30, 50, 50), (-10, 80, 60, 60)])
def test_paste_puts_a_crop_back_where_it_came_from(image, region):
    region = SearchRegion(*region)
    canvas = np.zeros_like(image)
    paste(canvas, crop(image, region), region, alpha=1.0)
    top, left = max(region.y, 0), max(region.x, 0)
    bottom, right = region.y + region.side, region.x + region.side
    assert np.array_equal(canvas[top:bottom, left:right], image[top:bottom, left:right])
    canvas[top:bottom, left:right] = 0
    assert not canvas.any()
