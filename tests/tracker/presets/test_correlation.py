"""The presets of correlation filters: what they differ in, and that every setting reaches its part."""

import pytest
import torch

from tracker import load_tracker


@pytest.mark.parametrize(
    ("name", "features", "num_scales"), [("gray", ["Gray"], 1), ("hog", ["HOG", "Color"], 3)]
)
def test_presets_differ_in_features_and_sizes(name, features, num_scales):
    tracker = load_tracker(name)
    backbone = tracker.extractor.backbone
    assert [type(part).__name__ for part in getattr(backbone, "parts", [backbone])] == features
    assert tracker.scale.num_scales == num_scales


def test_a_setting_reaches_its_part_and_overrides_the_presets():
    initial = torch.zeros(3, 2, 2)
    tracker = load_tracker(
        "gray",
        backbone="color",
        num_scales=5,
        interp_factor=0.03,
        crop_size=96,
        max_channels=2,
        initial=initial,
    )
    assert tracker.extractor.backbone.blocks == (3,)
    assert tracker.extractor.max_channels == 2
    assert tracker.scale.num_scales == 5
    assert tracker.learning.interp_factor == 0.03
    assert tracker.search.crop_size == 96
    assert tracker.model.initial is initial


def test_a_setting_of_another_filter_is_unknown():
    assert load_tracker("hog", filter="spatial", first_iterations=3).model.first_iterations == 3
    with pytest.raises(ValueError, match="unknown setting 'first_iterations'"):
        load_tracker("hog", filter="ridge", first_iterations=3)
