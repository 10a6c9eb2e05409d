"""Reading a backbone's weights from a file, or from torchvision's servers."""

import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    import onnx

PREFIX = "backbone."
"""Prefix of the names of a backbone's tensors in a checkpoint of the whole regression network."""

WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
"""Names under which training scripts save a network's tensors."""

MAX_BYTES = 8 * 2**30
"""Largest size of an unpacked archive."""

SUFFIXES = (".safetensors", ".npz", ".pth", ".pt")


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read tensors by name from a ``.safetensors``, ``.npz``, ``.pth`` or ``.pt`` file, without running code in it.

    Tensors may lie under one of `WRAPPERS`, and their names may have ``DataParallel``'s prefix ``module.``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another suffix, or a file that is damaged, too large, or contains other objects than tensors, NaN or
            infinity.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"weights file must end in {', '.join(SUFFIXES)}, got {path}")
    if not path.is_file():
        raise FileNotFoundError(f"weights file {path} does not exist")
    try:
        tensors = _read(path)
    except Exception as error:  # every format has errors of its own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"weights file {path} could not be read: {reason}") from error
    tensors = _unwrapped(tensors)
    named = isinstance(tensors, dict) and all(isinstance(name, str) for name in tensors)
    if not named or not all(isinstance(value, Tensor) for value in tensors.values()):
        got = ", ".join(map(str, list(tensors)[:4])) if isinstance(tensors, dict) else type(tensors).__name__
        raise ValueError(
            f"weights file {path} must hold tensors by name (a state_dict, or one under {', '.join(WRAPPERS)}) and "
            f"nothing else, got {got}"
        )
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(
                f"weights file {path} is damaged: {name!r} holds numbers that are none (NaN or infinity)"
            )
    return tensors


def _unwrapped(content: Any) -> Any:
    """Take the tensors of a checkpoint from under one of `WRAPPERS`, and remove ``DataParallel``'s prefix."""
    if isinstance(content, dict):
        inner = next((content[name] for name in WRAPPERS if isinstance(content.get(name), dict)), content)
        if inner and all(isinstance(name, str) and name.startswith("module.") for name in inner):
            return {name.removeprefix("module."): value for name, value in inner.items()}
        return dict(inner)
    return content


def _read(path: Path) -> Any:
    _check_inflated_size(path)
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError) as error:
        # torch's message advises to load the file unsafely, also if it is only damaged.
        raise ValueError("it is damaged, or holds more than tensors (nothing in it was run)") from error


def _check_inflated_size(path: Path) -> None:
    """Refuse an archive whose few compressed bytes unpack to more than any network has."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_BYTES:
            raise ValueError(f"it unpacks to {size} bytes, expected at most {MAX_BYTES}")


@contextmanager
def onnx_file(file: Path, kind: str) -> Iterator["onnx.ModelProto"]:
    """Read a model from an ONNX file, without tensors in other files, for a block that makes something of it.

    Args:
        file: ending in ``.onnx``.
        kind: what the file should be, for messages, e.g. ``an exported tracker``.

    Raises:
        ModuleNotFoundError: ``onnx`` or ``onnxruntime`` is missing.
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or the block could not make use of it.
    """
    try:
        import onnx

        if not file.is_file():
            raise FileNotFoundError(f"{file} does not exist: expected {kind}")
        yield onnx.load(file, load_external_data=False)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{kind} needs pip install onnx onnxruntime ({error})") from None
    except FileNotFoundError:
        raise
    except Exception as error:  # protobuf, onnx and its runtime have errors of their own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{file} could not be read as {kind}: {reason}") from error


def own_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Pick a backbone's tensors from a checkpoint's, sorted by name; return those of a backbone's file unchanged."""
    own = {name.removeprefix(PREFIX): tensors[name] for name in sorted(tensors) if name.startswith(PREFIX)}
    return own or tensors


def download_weights(url: str) -> dict[str, Tensor]:
    """Download published weights once into torch.hub's cache and check the hash in the file's name.

    Raises:
        RuntimeError: there is no network, or the file's hash is wrong; the message names URL and cache path.
    """
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
    try:
        return torch.hub.load_state_dict_from_url(url, map_location="cpu", check_hash=True, weights_only=True)
    except (URLError, OSError, RuntimeError) as error:
        raise RuntimeError(
            f"weights could not be fetched from {url} ({error}): download that file elsewhere and put it at {cached}, "
            "or give a weights file"
        ) from error


def load_into(module: nn.Module, tensors: dict[str, Tensor], source: str) -> None:
    """Copy ``tensors`` into ``module`` by name; tensors of other names are ignored.

    Raises:
        ValueError: a tensor is missing or has another shape; the message names ``source``.
    """
    own = module.state_dict()
    for name, parameter in own.items():
        if name not in tensors:
            raise ValueError(
                f"weights {source} lack {name!r}: expected {type(module).__name__} under torchvision's names, got "
                f"{', '.join([*tensors][:4])}, …"
            )
        if tensors[name].shape != parameter.shape:
            got, expected = tuple(tensors[name].shape), tuple(parameter.shape)
            raise ValueError(f"weights {source} have shape {got} for {name!r}, expected {expected}")
    module.load_state_dict({name: tensors[name] for name in own})
