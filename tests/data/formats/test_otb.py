"""A target's box file as NumPy reads it."""

import numpy as np

from data.formats import write_tracks
from tests.material.tracks import make_tracks


def test_otb_is_what_got10ks_otb_experiment_takes(tmp_path):
    files = write_tracks(tmp_path, "otb", make_tracks())
    boxes = np.loadtxt(files[0], delimiter=",")
    assert boxes.shape == (12, 4)
    np.testing.assert_allclose(boxes[0], make_tracks()[0].bboxes[0] + (1, 1, 0, 0), atol=1e-3)
