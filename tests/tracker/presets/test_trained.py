"""A trained network by name: the one that is shipped, another file, and settings that contradict it."""

import pytest

from tracker import load_tracker
from tracker.backbones.compact import SHIPPED


def test_fast_is_the_shipped_checkpoint():
    told = load_tracker("fast").settings()
    assert (
        told == load_tracker(str(SHIPPED)).settings() == load_tracker("fast", weights=str(SHIPPED)).settings()
    )
    assert told["box"] is None


def test_fast_has_the_features_of_its_checkpoint():
    with pytest.raises(ValueError, match="got backbone='gray' as well"):
        load_tracker("fast", backbone="gray")
