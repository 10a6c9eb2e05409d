"""Training's filters against dense solutions."""

import numpy as np
import pytest
import torch

from tracker.network.filter_layers import FILTER_LAYERS, RidgeLayer, SpatialLayer


def correlation_matrix(features: np.ndarray) -> np.ndarray:
    """Rows: the response at each displacement, wrapped, as a linear function of the filter ``(C, h, w)``."""
    _, height, width = features.shape
    rows = []
    for v in range(height):
        for u in range(width):
            rows.append(np.roll(features, (-v, -u), axis=(1, 2)).ravel())
    return np.array(rows)


def dense_filter(features, label, mask, ridge):
    """The minimiser of |X w - y|² + λ|w|² over filters that live where the mask is, in float64."""
    matrix = correlation_matrix(features)[:, np.broadcast_to(mask, features.shape).ravel() > 0]
    wanted = np.fft.ifftshift(label).ravel()
    solution = np.linalg.solve(matrix.T @ matrix + ridge * np.eye(matrix.shape[1]), matrix.T @ wanted)
    filter_ = np.zeros(features.size)
    filter_[np.broadcast_to(mask, features.shape).ravel() > 0] = solution
    return filter_


def problem(seed=0, size=8, channels=2):
    rng = np.random.default_rng(seed)
    template, search = rng.normal(size=(2, channels, size, size))
    rows = np.arange(size) - size // 2
    label = np.exp(-0.5 * (rows[:, None] ** 2 + rows[None] ** 2))
    mask = np.zeros((1, size, size))
    mask[:, 2:6, 3:5] = 1
    return template, search, label, mask


@pytest.mark.parametrize("layer", [RidgeLayer(3.0), SpatialLayer(3.0, iterations=40)])
def test_filter_layers_agree_with_a_dense_solution(layer):
    template, search, label, mask = problem()
    support = np.ones_like(mask) if isinstance(layer, RidgeLayer) else mask
    # The closed form's λ is in units of the unnormalised spectrum, whose squares are the map's, times no factor.
    filter_ = dense_filter(template, label, support, 3.0)
    expected = np.fft.fftshift((correlation_matrix(search) @ filter_).reshape(label.shape))
    tensors = [
        torch.tensor(array, dtype=torch.float32)[None] for array in (template, label[None], mask, search)
    ]
    response = layer(*tensors).detach().numpy()[0, 0]
    np.testing.assert_allclose(response, expected, atol=2e-5)


@pytest.mark.parametrize("name", list(FILTER_LAYERS))
def test_gradients_pass_through_the_filter(name):
    layer = FILTER_LAYERS[name](2.0).double()
    template, search, label, mask = (torch.tensor(array)[None] for array in problem(size=6))
    mask = torch.ones(1, 1, 6, 6, dtype=torch.float64)
    layer.float = lambda: layer

    def response(template, search):
        spectrum = torch.fft.rfft2(template)
        wanted = torch.fft.rfft2(torch.fft.ifftshift(label[:, None], dim=(-2, -1)))
        conjugate = layer.solve(spectrum, wanted, mask)
        return torch.fft.irfft2((torch.fft.rfft2(search) * conjugate).sum(1), s=(6, 6))

    inputs = [tensor.clone().requires_grad_() for tensor in (template, search)]
    assert torch.autograd.gradcheck(response, inputs)


def test_filter_layers_compute_in_float32_under_autocast():
    template, search, label, mask = (torch.tensor(array, dtype=torch.float32)[None] for array in problem())
    layer = RidgeLayer(3.0)
    plain = layer(template, label[None], mask, search)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(template, label[None], mask, search), plain)


@pytest.mark.parametrize(("layer", "arguments"), [(RidgeLayer, (0.0,)), (SpatialLayer, (1.0, 0))])
def test_filter_layers_refuse_wrong_numbers(layer, arguments):
    with pytest.raises(ValueError, match="must be"):
        layer(*arguments)
