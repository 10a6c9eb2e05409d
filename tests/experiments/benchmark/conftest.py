"""Trackers of others, by name."""

import sys

import pytest

from tests.material.benchmarks import PEERS


@pytest.fixture
def peers(tmp_path, monkeypatch):
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "peers_of_test.py").write_text(PEERS)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.delitem(sys.modules, "peers_of_test", raising=False)
