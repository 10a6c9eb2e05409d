"""Width and height on line: the box head's word, weighed by a Kalman filter."""

import numpy as np
import pytest

from tests.material.checkpoints import SETTINGS, write
from tracker import load_tracker
from tracker.box_refiner import BoxRefiner
from tracker.network.checkpoint import load_regression_net


def test_the_box_head_sees_targets_as_large_as_in_training(checkpoint):
    refiner = load_tracker(str(checkpoint), drift=0.01).refiner
    assert refiner.net.crops == (160, 4.0)


def test_the_refiner_follows_as_a_kalman_filter_does(checkpoint):
    """Against the gain in closed form: equal noise, a random walk from a known size."""
    refiner = BoxRefiner(load_regression_net(checkpoint), 0.1)
    refiner._variance = np.zeros(2)
    expected = np.zeros(2)
    for _ in range(50):
        factors = refiner._filter(np.array([0.2, -0.2]), np.array([0.04, 0.04]))
        gain = (expected + 0.01) / (expected + 0.01 + 0.04)
        np.testing.assert_allclose(np.log(factors), gain * [0.2, -0.2])
        expected = (1 - gain) * (expected + 0.01)
    steady = (0.01 + np.sqrt(0.01**2 + 4 * 0.01 * 0.04)) / 2  # of p = p_prior: p²−qp−qr = 0
    np.testing.assert_allclose(gain, steady / (steady + 0.04), rtol=1e-6)


def test_a_network_without_a_box_head_refines_nothing(tmp_path):
    path = tmp_path / "best.safetensors"
    write(path, {**SETTINGS, "box_head": False})
    with pytest.raises(ValueError, match="trained with a box head"):
        load_tracker(str(path), drift=0.01)
