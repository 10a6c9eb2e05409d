"""Weights files as people have them: old and new archives, wrapped, prefixed, damaged, and with NaN."""

import os
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.material.backbones import write_weights
from tracker.backbones import weights
from tracker.backbones.squeezenet import URL, SqueezeNet
from tracker.backbones.weights import load_into, read_weights

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2)}


def assert_read(path):
    found = read_weights(path)
    assert sorted(found) == sorted(TENSORS)
    assert all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)


@pytest.mark.parametrize("as_zip", [True, False])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model_state_dict", "model", "net"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_every_form_of_a_pth_file_is_read(tmp_path, as_zip, wrapper, prefix):
    content = {prefix + name: tensor for name, tensor in TENSORS.items()}
    content = content if wrapper is None else {wrapper: content, "epoch": 7}
    torch.save(content, tmp_path / "x.pth", _use_new_zipfile_serialization=as_zip)
    assert_read(tmp_path / "x.pth")


def test_a_prefix_in_other_formats(tmp_path):
    content = {f"module.{name}": tensor for name, tensor in TENSORS.items()}
    save_file(content, tmp_path / "x.safetensors")
    assert_read(tmp_path / "x.safetensors")
    np.savez(tmp_path / "x.npz", **{name: tensor.numpy() for name, tensor in content.items()})
    assert_read(tmp_path / "x.npz")


class Attack:
    def __reduce__(self):
        return os.mkdir, ("attacked",)


@pytest.mark.parametrize("as_zip", [True, False])
def test_nothing_in_a_file_is_run(tmp_path, as_zip, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Attack()}, "x.pth", _use_new_zipfile_serialization=as_zip)
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Attack()))
    for name in ("x.pth", "plain.pth"):
        with pytest.raises(ValueError, match=r"nothing in it was run") as error:
            read_weights(name)
        assert "weights_only" not in str(error.value)
    assert not (tmp_path / "attacked").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pth"])
def test_a_number_that_is_none_is_refused(tmp_path, value, suffix):
    content = {"a.weight": torch.tensor([1.0, value])}
    path = tmp_path / f"x{suffix}"
    if suffix == ".npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in content.items()})
    else:
        (save_file if suffix == ".safetensors" else torch.save)(content, path)
    with pytest.raises(ValueError, match=r"x\.\w+ is damaged: 'a\.weight' holds numbers that are none"):
        read_weights(path)


@pytest.mark.parametrize("content", [{1: torch.ones(1)}, {"a": 1}, [torch.ones(1)], torch.ones(1)])
def test_what_is_no_state_dict_is_one_message(tmp_path, content):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"must hold tensors by name .* got"):
        read_weights(tmp_path / "x.pth")


def test_an_archive_that_inflates_beyond_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "MAX_BYTES", 10**5)
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(10**6, np.float32))
    assert (tmp_path / "x.npz").stat().st_size < 10**4
    with pytest.raises(ValueError, match="unpacks to 4000128 bytes, expected at most 100000"):
        read_weights(tmp_path / "x.npz")


def test_a_file_of_another_net_shows_what_it_holds():
    with pytest.raises(ValueError, match=r"lack 'weight': .*got a\.weight, a\.bias"):
        load_into(torch.nn.Linear(2, 3), TENSORS, "x.pth")


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
