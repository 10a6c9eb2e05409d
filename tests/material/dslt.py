"""Trackers of the DSLT family on features that need no weights."""

from losses import build_loss
from tracker import load_tracker


def load(name="dslt", **settings):
    """A preset on features that need no weights, with its own loss."""
    importance = "dslt_code" if name == "dslt-code" else "exp"
    criterion = build_loss("shrinkage", importance=importance, reduction="sum")
    small = {"backbone": "hog+color", "channels": 8, "criterion": criterion}
    return load_tracker(name, **{**small, **settings})
