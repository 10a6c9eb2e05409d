"""The tracker that never moves takes no settings."""

import pytest

from tracker import IdentityTracker, load_tracker


def test_identity_has_no_settings():
    assert isinstance(load_tracker("identity"), IdentityTracker)
    for given in ({"filter": "ridge"}, {"weights": "some.npz"}):
        with pytest.raises(ValueError, match="identity has neither weights nor settings, got"):
            load_tracker("identity", **given)
