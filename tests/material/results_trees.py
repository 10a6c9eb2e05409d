"""Miniature results on disk: an annotations file and trackers of known error."""

import json

import numpy as np

from data.boxes import from_one_based
from data.datasets.box_files import write_bboxes

TRUTHS = {
    "Basketball": np.tile([50.0, 40, 20, 16], (30, 1)),
    "Jogging.1": np.tile([30.0, 30, 20, 40], (25, 1)),
    "Human4": np.tile([60.0, 20, 24, 30], (40, 1)),
}
"""1-based boxes of OTB targets, under the names of this toolbox."""

GIVEN_NAMES = {"Basketball": "basketball", "Jogging.1": "Jogging-1", "Human4": "human4_2"}
"""What others call them."""


def write_annotations(path):
    entries = {
        GIVEN_NAMES[name]: {"gt_rect": truth.tolist(), "attributes": ["OCC", "IV"][: 1 + len(name) % 2]}
        for name, truth in TRUTHS.items()
    }
    path.write_text(json.dumps(entries))
    return path


def write_tracker(results, name, right=0.0, benchmark="OTB2015"):
    """Results that are ``right`` pixels beside the truth from the second frame on, with times."""
    folder = results / benchmark / name
    (folder / "times").mkdir(parents=True)
    for sequence, truth in TRUTHS.items():
        boxes = truth + np.outer(np.arange(len(truth)) > 0, [right, 0, 0, 0])
        write_bboxes(folder / f"{GIVEN_NAMES[sequence]}.txt", from_one_based(boxes))
        seconds = np.full(len(truth), 0.02)
        np.savetxt(folder / "times" / f"{GIVEN_NAMES[sequence]}_time.txt", seconds, fmt="%.8f")
    return folder
