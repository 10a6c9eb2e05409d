"""The box on line: from cells of the head's map to image pixels and back, and when the head is believed."""

import numpy as np
import pytest
import torch

from data.boxes import bbox_center
from data.crop import SearchRegion
from tracker.box_follower import BoxFollower, BoxSettings, measured
from tracker.network.box_head import BoxMap

REGION = SearchRegion(x=-20, y=30, side=512, size=256)  # an image pixel is half a crop pixel


class Says:
    """A head that says one box everywhere, in image pixels."""

    def __init__(self, bbox):
        crop_bbox = torch.tensor(REGION.to_crop(bbox)).float().view(1, 4, 1, 1)
        self.map = BoxMap(crop_bbox.expand(1, 4, 16, 16), torch.zeros(1, 1, 16, 16), 16)

    def __call__(self, template, features):
        return self.map

    def start(self, features, bbox):
        self.started = bbox
        return None


def follower(bbox, **settings):
    follower = BoxFollower(Says(bbox), BoxSettings(**settings))
    size = np.array([60.0, 40.0])
    follower.start(torch.zeros(1, 1, 32, 32), REGION, np.array([235.5, 285.5]), size)
    return follower


def test_a_box_comes_back_in_image_pixels():
    bbox = np.array([101.5, 207.0, 63.0, 44.5])
    found = measured(Says(bbox).map, REGION, np.array([130.0, 225.0]))
    np.testing.assert_allclose(found.center, bbox_center(bbox), atol=1e-4)
    np.testing.assert_allclose(found.size, bbox[2:], atol=1e-4)


def test_the_cell_that_is_asked_is_the_one_at_the_place():
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    boxes = BoxMap(torch.stack([columns, rows, columns + 1, rows + 1])[None], torch.zeros(1, 1, 16, 16), 16)
    # Cell (5, 3) covers crop pixels 80..95, 48..63, image pixels 2·80 - 20 .. 2·96 - 21 and 2·48 + 30 .. 2·64 + 29.
    for place in ((140.5, 126.5), (171.0, 157.0)):
        assert measured(boxes, REGION, np.array(place)).size.tolist() == [12.0, 8.0]
    assert measured(boxes, REGION, np.array([-900.0, 9000.0])).size.tolist() == [2.0, 32.0]


def test_the_template_is_told_in_crop_pixels():
    head = follower([0, 0, 1, 1]).head
    # 60x40 at (206, 266): (206 + 20) / 2, (266 - 30) / 2
    np.testing.assert_allclose(head.started[0].numpy(), [113.0, 118.0, 30.0, 20.0])


def follow(follower, peak, size, sure=True):
    return follower.follow(follower.look(torch.zeros(1)), REGION, peak, size, sure)


def test_place_and_size_go_a_part_of_the_way():
    peak, size = np.array([130.0, 225.0]), np.array([60.0, 40.0])
    bbox = np.array([138.0 - 29.5, 221.0 - 24.5, 60.0, 50.0])  # centre (138, 221)
    center, followed = follow(follower(bbox), peak, size)
    np.testing.assert_allclose(center, [136.0, 222.0], atol=1e-4)
    np.testing.assert_allclose(followed, [60.0, 40 * (50 / 40) ** 0.5], rtol=1e-5)
    center, followed = follow(follower(bbox, box_rate=1.0, box_pull=0.0), peak, size)
    np.testing.assert_allclose(center, peak)
    np.testing.assert_allclose(followed, [60.0, 50.0], rtol=1e-5)


def test_a_head_that_is_elsewhere_is_not_believed():
    peak, size = np.array([130.0, 225.0]), np.array([60.0, 40.0])  # half a target size is 24.5
    bbox = np.array([130.0 + 26 - 39.5, 225.0 - 39.5, 80.0, 80.0])
    center, followed = follow(follower(bbox), peak, size)
    assert center is peak
    assert followed is size


def test_an_unsure_filter_lets_the_size_change_only_a_little():
    """The head takes the post that hides the target for the target, for as long as it likes."""
    peak, size = np.array([130.0, 225.0]), np.array([60.0, 40.0])
    post = follower(np.array([130.0 - 59.5, 225.0 - 9.5, 120.0, 20.0]))
    for _ in range(20):
        _, size = follow(post, peak, size, sure=False)
    np.testing.assert_allclose(size, [60 * np.exp(0.2), 40 / np.exp(0.2)], rtol=1e-6)
    for _ in range(40):
        _, size = follow(post, peak, size, sure=True)
    np.testing.assert_allclose(size, [120.0, 20.0], rtol=1e-3)


@pytest.mark.parametrize(
    "settings",
    [{"box_rate": 1.5}, {"box_pull": -0.1}, {"box_reach": 0}, {"unsure_change": -1}],
)
def test_settings_out_of_their_range_are_refused(settings):
    with pytest.raises(ValueError, match="must be"):
        BoxSettings(**settings)
