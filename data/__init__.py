"""Boxes, crops, labels, sequences and video: everything a tracker reads and writes."""

import importlib
from typing import Any

_HOME = {
    "FramesEndedEarly": "data.video",
    "Sequence": "data.sequences",
    "VideoWriter": "data.video_writer",
    "open_video": "data.video",
    "read_bboxes": "data.sequences",
    "read_otb": "data.sequences",
    "synthetic_sequence": "data.synthetic",
    "write_bboxes": "data.sequences",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the type is that of what is asked for
    """Import a name from its module when first asked for, so that ``--help`` loads neither torch nor cv2."""
    if name not in _HOME:
        raise AttributeError(f"module 'data' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME[name]), name)
