"""Reading a backbone's weights: from a file, or from where torchvision publishes them."""

import zipfile
from pathlib import Path
from typing import NoReturn
from urllib.error import URLError

import numpy as np
import torch
from torch import Tensor, nn

PREFIX = "backbone."
"""What the names of a backbone's tensors begin with in a checkpoint of the whole regression network."""

SUFFIXES = (".safetensors", ".npz", ".pth", ".pt")


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read tensors by name from a ``.safetensors``, ``.npz``, ``.pth`` or ``.pt`` file; nothing in it is run.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another suffix, or a file that is damaged or holds more than tensors.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"weights file must end in {', '.join(SUFFIXES)}, got {path}")
    if not path.is_file():
        raise FileNotFoundError(f"weights file {path} does not exist")
    try:
        tensors = _read(path)
    except Exception as error:  # each format has its own zoo of errors; all mean that the file is no good
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"weights file {path} could not be read: {reason}") from error
    if not (isinstance(tensors, dict) and all(isinstance(value, Tensor) for value in tensors.values())):
        raise ValueError(f"weights file {path} must hold tensors by name (a state_dict) and nothing else")
    return tensors


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    if not zipfile.is_zipfile(path):
        # torch reports a damaged archive as an unsafe pickle and advises to load it without protection.
        raise ValueError("not a PyTorch archive")
    return torch.load(path, map_location="cpu", weights_only=True)


def own_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Pick a backbone's tensors out of a checkpoint's, sorted by name; a backbone's own file is returned as it is."""
    own = {name.removeprefix(PREFIX): tensors[name] for name in sorted(tensors) if name.startswith(PREFIX)}
    return own or tensors


def download_weights(url: str) -> dict[str, Tensor]:
    """Fetch published weights once into torch.hub's cache; the hash in the file's name is checked.

    Raises:
        RuntimeError: there is no network, or the file's hash is wrong; the message names URL and cache path.
    """
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
    try:
        return torch.hub.load_state_dict_from_url(url, map_location="cpu", check_hash=True, weights_only=True)
    except (URLError, OSError, RuntimeError) as error:
        _explain(url, cached, error)


def _explain(url: str, cached: Path, error: Exception) -> NoReturn:
    raise RuntimeError(
        f"weights could not be fetched from {url} ({error}): download that file elsewhere and put it at {cached}, "
        "or give a weights file"
    ) from error


def load_into(module: nn.Module, tensors: dict[str, Tensor], source: str) -> None:
    """Copy ``tensors`` into ``module`` by name; names that the module does not have are left out.

    Raises:
        ValueError: a tensor is missing or has another shape; the message names ``source``.
    """
    own = module.state_dict()
    for name, parameter in own.items():
        if name not in tensors:
            raise ValueError(
                f"weights {source} lack {name!r}: expected {type(module).__name__} under torchvision's names"
            )
        if tensors[name].shape != parameter.shape:
            got, expected = tuple(tensors[name].shape), tuple(parameter.shape)
            raise ValueError(f"weights {source} have shape {got} for {name!r}, expected {expected}")
    module.load_state_dict({name: tensors[name] for name in own})
