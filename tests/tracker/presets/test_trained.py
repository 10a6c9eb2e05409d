"""A trained network by name: the one that is shipped, another file, and settings that contradict it."""

import pytest

from tracker import load_tracker
from tracker.presets.trained import SHIPPED


@pytest.mark.parametrize(("name", "has_head"), [("fast", True), ("compact", False)])
def test_a_name_is_its_shipped_checkpoint(name, has_head):
    file = str(SHIPPED / f"{name}.safetensors")
    told = load_tracker(name).settings()
    assert told == load_tracker(file).settings() == load_tracker(name, weights=file).settings()
    assert (told["box"] is not None) == has_head


def test_fast_without_its_head_searches_the_size_among_crops():
    assert load_tracker("fast", box_head=False).settings()["box"] is None


def test_fast_has_the_features_of_its_checkpoint():
    with pytest.raises(ValueError, match="got backbone='gray' as well"):
        load_tracker("fast", backbone="gray")


def test_accurate_sees_what_fast_sees_and_gradients_and_colour():
    told = load_tracker("accurate").settings()
    assert told["extractor"]["max_channels"] == 16
    assert load_tracker("accurate").extractor.backbone.blocks[-3:] == (16, 24, 48)
