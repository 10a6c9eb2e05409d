"""The square search region and the bounds of the target's size, worked out by hand."""

import numpy as np
import pytest

from tracker.search_area import SearchSettings, bounded_scale


def test_the_region_is_a_multiple_of_the_targets_size_and_holds_a_long_target():
    settings = SearchSettings(search_area_scale=5.0)
    assert settings.side(np.array([40.0, 90.0])) == pytest.approx(5 * 60)
    assert settings.side(np.array([4.0, 400.0])) == pytest.approx(1.2 * 400)  # 5 times the mean would be 200


@pytest.mark.parametrize(("crop_size", "stride"), [(200, 4), (128, 16)])
def test_the_map_has_a_cell_for_each_stride(crop_size, stride):
    assert SearchSettings(crop_size).map_size(stride) == crop_size // stride


@pytest.mark.parametrize(("crop_size", "stride"), [(198, 4), (28, 4), (120, 16)])
def test_a_crop_that_does_not_fit_the_stride_is_named(crop_size, stride):
    with pytest.raises(ValueError, match=f"stride {stride} and at least 8 of it, got {crop_size}"):
        SearchSettings(crop_size).map_size(stride)


@pytest.mark.parametrize(
    ("scale", "size", "expected"),
    [
        (1.3, (40.0, 90.0), 1.3),
        (0.01, (20.0, 5.0), 0.5),  # a mean side of 10 may go down to 5
        (0.01, (4.0, 4.0), 1.0),  # the first size is always allowed
        (9.0, (40.0, 90.0), 2.0),  # 180 of the frame's 180 pixels
        (9.0, (400.0, 90.0), 1.0),
    ],
)
def test_a_target_is_neither_tiny_nor_larger_than_the_frame(scale, size, expected):
    assert bounded_scale(scale, np.array(size), (320, 180)) == pytest.approx(expected)
