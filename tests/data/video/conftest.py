"""Frames that the tests of writers share."""

import pytest

from data.synthetic.sequence import synthetic_sequence


@pytest.fixture(scope="module")
def frames():
    return list(synthetic_sequence(0, 12, (64, 48)).frames())
