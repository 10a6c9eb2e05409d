"""Geometric jitter: its distribution, against its settings."""

import numpy as np
import pytest

from data.pairs.settings import GeometricJitter
from data.pairs.sources import ClipSource
from tests.material.clips import dataset, make_clip


def test_jitter_is_drawn_from_what_it_says(tmp_path):
    clip = make_clip(tmp_path / "clip", [[150, 150, 50, 50]], (350, 350), ".jpg")
    jitter = GeometricJitter(shift=0.5, scale=0.1, aspect=0.2)
    pairs = dataset(ClipSource.of([clip], jitter=jitter), 600)
    boxes = np.array([pairs[index].search_bbox for index in range(600)], float)
    aspect, extent = np.log(boxes[:, 2] / boxes[:, 3]), np.log(np.sqrt(boxes[:, 2] * boxes[:, 3]))
    assert aspect.std() == pytest.approx(0.2, rel=0.1)
    assert extent.std() == pytest.approx(0.1, rel=0.1)
    shift = (63.5 - (boxes[:, :2] + (boxes[:, 2:] - 1) / 2)) / np.exp(extent)[:, None]
    assert np.abs(shift).max() == pytest.approx(0.5 * np.exp(0.3), rel=0.3)  # in widths of a scaled crop
    assert shift.std(axis=0) == pytest.approx([0.5 / np.sqrt(3)] * 2, rel=0.1)
