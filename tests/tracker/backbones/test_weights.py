"""Weights files: what is damaged, foreign or dangerous is named and not loaded."""

import pytest
import torch

from tests.material.backbones import write_weights
from tracker.backbones.squeezenet import URL, SqueezeNet
from tracker.backbones.weights import read_weights


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pth"])
def test_a_damaged_weights_file_is_named(tmp_path, squeezenet_tensors, suffix):
    path = write_weights(tmp_path / f"net{suffix}", squeezenet_tensors)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=f"weights file .*net{suffix} could not be read"):
        SqueezeNet(path)


def test_weights_of_another_net_are_named(tmp_path, squeezenet_tensors):
    lacking = {name: tensor for name, tensor in squeezenet_tensors.items() if "features.5" not in name}
    with pytest.raises(ValueError, match=r"lack 'features\.5\.squeeze\.weight'"):
        SqueezeNet(write_weights(tmp_path / "a.npz", lacking))
    other = {**squeezenet_tensors, "features.0.bias": torch.zeros(7)}
    with pytest.raises(ValueError, match=r"shape \(7,\) for 'features\.0\.bias', expected \(96,\)"):
        SqueezeNet(write_weights(tmp_path / "b.npz", other))


class Payload:
    """What an unsafe checkpoint does when it is unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('code ran')",))


def test_a_weights_file_cannot_run_code(tmp_path):
    torch.save({"features.0.weight": Payload()}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match="could not be read"):
        read_weights(tmp_path / "evil.pth")


def test_a_missing_weights_file_and_a_strange_suffix_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz does not exist"):
        read_weights(tmp_path / "none.npz")
    with pytest.raises(ValueError, match=r"must end in \.safetensors, \.npz"):
        read_weights(tmp_path / "net.caffemodel")


def test_without_a_network_the_error_names_url_and_cache(tmp_path, monkeypatch):
    def offline(*_args, **_kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(RuntimeError) as caught:
        SqueezeNet()
    assert URL in str(caught.value)
    assert str(tmp_path / "hub" / "checkpoints" / "squeezenet1_0-b66bff10.pth") in str(caught.value)
