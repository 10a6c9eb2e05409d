"""What a tracker takes for an image, and what a tracker is."""

import numpy as np
import pytest

from tracker import CorrelationFilterTracker, DSLTTracker, IdentityTracker, Tracker
from tracker.base import check_image


def test_an_image_is_returned_as_it_is():
    image = np.zeros((4, 5, 3), np.uint8)
    assert check_image(image) is image


@pytest.mark.parametrize(
    ("image", "got"),
    [
        (np.zeros((4, 5), np.uint8), r"got uint8 \(4, 5\)"),
        (np.zeros((4, 5, 3), np.float64), "got float64"),
        (np.zeros((4, 0, 3), np.uint8), r"must have pixels, got shape \(4, 0, 3\)"),
        (None, "got NoneType"),
    ],
)
def test_what_is_no_image_is_named(image, got):
    with pytest.raises(ValueError, match=got):
        check_image(image)


@pytest.mark.parametrize("cls", [CorrelationFilterTracker, DSLTTracker, IdentityTracker])
def test_every_tracker_of_the_package_is_a_tracker(cls):
    assert issubclass(cls, Tracker)


def test_what_cannot_update_is_no_tracker():
    assert not isinstance(np.zeros(1), Tracker)
