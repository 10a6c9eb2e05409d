"""Inputs of each setting: what is refused, what is widened, and that ignored samples become zeros."""

import pytest
import torch

from losses.shapes import check_classes, expand_mask, prepare_classes, prepare_density, prepare_maps, widen

NAN = float("nan")
MAPS = torch.rand(2, 1, 3, 3)


def test_half_precision_is_widened_and_double_stays():
    assert [
        widen(torch.ones(1, dtype=one)).dtype for one in (torch.float16, torch.bfloat16, torch.float64)
    ] == [
        torch.float32,
        torch.float32,
        torch.float64,
    ]


@pytest.mark.parametrize("mask", [torch.tensor([0.0, 2.0]), torch.tensor([0.0, 2.0]).view(2, 1, 1, 1)])
def test_a_map_that_is_left_out_may_hold_anything(mask):
    prediction = torch.stack([torch.full((1, 3, 3), NAN), MAPS[1]])
    kept, target, weights = prepare_maps(prediction, prediction, mask)
    assert kept[0].eq(0).all()
    assert target[0].eq(0).all()
    torch.testing.assert_close(kept[1], MAPS[1])
    torch.testing.assert_close(weights, mask.view(2, 1, 1, 1).expand(2, 1, 3, 3))


@pytest.mark.parametrize(
    ("prediction", "target", "mask", "error", "message"),
    [
        (MAPS, MAPS[:, :, :2], None, ValueError, "shapes are never broadcast"),
        (MAPS.long(), MAPS, None, TypeError, "must be a floating-point tensor"),
        (MAPS[:0], MAPS[:0], None, ValueError, "at least one sample"),
        (MAPS, MAPS, torch.ones(3), ValueError, "weight a map"),
    ],
)
def test_maps_that_do_not_fit(prediction, target, mask, error, message):
    with pytest.raises(error, match=message):
        prepare_maps(prediction, target, mask)


def test_an_ignored_class_may_be_no_class():
    logits = torch.tensor([[1.0, 2.0], [NAN, 0.0]])
    kept, target, mask = prepare_classes(logits, torch.tensor([1, -100]), torch.tensor([1, 0]))
    assert kept.tolist() == [[1, 2], [0, 0]]
    assert target.tolist() == [1, 0]
    assert mask.tolist() == [1, 0]


def test_classes_that_do_not_fit():
    logits = torch.zeros(2, 3)
    for target, error in ((torch.zeros(3), ValueError), (torch.zeros(2), TypeError)):
        with pytest.raises(error, match="class indices"):
            prepare_classes(logits, target, None)
    with pytest.raises(ValueError, match="K >= 2"):
        prepare_classes(logits[:, :1], torch.zeros(2).long(), None)
    with pytest.raises(ValueError, match="each of the 3 classes, got 2"):
        check_classes(logits, torch.ones(2))


def test_a_density_is_normalised_and_uniform_without_a_target():
    density = torch.stack([torch.zeros(1, 2, 2), torch.tensor([[[0.0, 1.0], [3.0, 0.0]]])])
    _, normal, _ = prepare_density(torch.zeros(2, 1, 2, 2), density, None)
    assert normal.tolist() == [[0.25] * 4, [0, 0.25, 0.75, 0]]
    with pytest.raises(ValueError, match="must be maps"):
        prepare_density(torch.zeros(2, 2, 2, 2), density, None)


def test_a_mask_of_samples_covers_their_elements():
    assert expand_mask(torch.tensor([1.0, 0.0]), torch.zeros(2, 3)).tolist() == [[1, 1, 1], [0, 0, 0]]
