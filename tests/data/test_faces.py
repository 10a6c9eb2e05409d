"""Faces of packages: names are there when they are asked for, and a light module loads none of them."""

import os
import subprocess
import sys

import pytest

import data
import data.pairs
from data.pairs.dataset import PairDataset
from data.video.reader import open_video


def test_names_are_those_of_their_modules():
    assert data.open_video is open_video
    assert data.pairs.PairDataset is PairDataset
    assert all(callable(getattr(data, name)) for name in data.__all__)
    with pytest.raises(AttributeError, match="module 'data' has no attribute 'nothing'"):
        data.nothing  # noqa: B018


def test_the_settings_of_training_load_nothing_heavy():
    code = "import sys, experiments.train.settings as s; print({'torch', 'cv2', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_all_names_are_there_at_once_where_they_are_asked_for():
    code = "import data, data.pairs; print({*data.__all__} <= {*vars(data)}, 'PairBatch' in vars(data.pairs))"
    for eager in ("1", ""):
        found = subprocess.check_output(
            [sys.executable, "-c", code], text=True, env={**os.environ, "EAGER_IMPORT": eager}
        )
        assert found.split() == [str(bool(eager))] * 2
