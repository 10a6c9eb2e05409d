"""A run's folder: ``config.yaml``, ``last.pt`` to resume from bit for bit, ``best.safetensors`` to track with."""

import io
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import nn

from data.files import remove_left_overs, write_bytes, write_text
from experiments.config_file import differences
from experiments.runtime.lock import make_folder
from experiments.train.parse import read_settings, settings_from
from experiments.train.settings import TrainingSettings, as_mapping
from tracker.network.checkpoint import METADATA

LAST, BEST, CONFIG, METRICS = "last.pt", "best.safetensors", "config.yaml", "metrics.jsonl"
EVENTS = "events.out.tfevents.*"
_STATE = {"step", "best", "learner", "log", "random", "settings"}
_FILES = (LAST, BEST, CONFIG, METRICS, EVENTS)


def check_folder(
    folder: Path,
    settings: TrainingSettings,
    *,
    resume: bool,
    overwrite: bool,
    state: Mapping[str, Any] | None = None,
) -> None:
    """Check that a run may write into ``folder``, without writing anything.

    Args:
        folder: the run's folder.
        settings: the run's settings.
        resume: the folder may hold a run with these settings.
        overwrite: the run that the folder holds may be removed.
        state: the folder's checkpoint on a resume, whose settings count instead of those in ``config.yaml``.

    Raises:
        FileExistsError: the folder is not empty, and neither ``resume`` nor ``overwrite`` is true.
        ValueError: both are true, or the folder's run has other settings; the message says which differ.
    """
    if resume and overwrite:
        raise ValueError("--resume goes on with a run and --overwrite removes it: give one of them")
    if not (resume or overwrite) and folder.is_dir() and any(folder.iterdir()):
        raise FileExistsError(
            f"run folder {folder} is not empty: go on with --resume, start anew with --overwrite, or choose another "
            "--output"
        )
    config = folder / CONFIG
    if resume and (state or config.is_file()):
        # An option younger than the run was at its default.
        before = settings_from(state["settings"]) if state else read_settings(config)
        if different := list(differences(as_mapping(before), as_mapping(settings))):
            raise ValueError(
                f"--resume needs the config of the run in {folder}, but {'; '.join(different)}: give the same "
                "options (or none, they are read from there), or start anew with --overwrite"
            )


def claim(folder: Path, settings: TrainingSettings, *, resume: bool, overwrite: bool) -> None:
    """Take ``folder`` for this run after `check_folder`: remove an earlier run if asked, write ``config.yaml``."""
    make_folder(folder)
    remove_left_overs(folder)
    if overwrite:
        for pattern in _FILES:
            for file in folder.glob(pattern):
                file.unlink()
    if not (resume and (folder / CONFIG).is_file()):
        write_text(folder / CONFIG, yaml.safe_dump(as_mapping(settings), sort_keys=False))


def random_state() -> dict[str, Any]:
    """The state of every generator that this process may draw from: Python, NumPy, torch, its GPUs."""
    version, words, gauss = random.getstate()
    name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002
    return {
        "python": [version, list(words), gauss],
        "numpy": [name, torch.from_numpy(np.asarray(keys, np.int64)), *rest],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random_state(state: Mapping[str, Any]) -> None:
    """Restore the generators to a state of `random_state`."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])


def seed_everything(seed: int, rank: int) -> None:
    """Seed Python's, NumPy's and torch's generators, those of each process differently."""
    # Weights are drawn before this, so that they are the same in all processes.
    words = np.random.SeedSequence([seed, rank]).generate_state(3)
    random.seed(int(words[0]))
    np.random.seed(words[1])  # noqa: NPY002  (a loss or jitter of a user may draw from it)
    torch.manual_seed(int(words[2]))


def save_last(folder: Path, state: Mapping[str, Any]) -> None:
    """Write ``last.pt``; the old one stays until the new one is complete."""
    buffer = io.BytesIO()  # of a file that cannot be written torch does not say the name, or why
    torch.save(dict(state), buffer)
    write_bytes(folder / LAST, buffer.getbuffer())


def load_last(folder: Path) -> dict[str, Any] | None:
    """Load what `save_last` wrote, to the CPU; None if there is no file. Loading cannot run code.

    Raises:
        ValueError: the file is damaged, or `save_last` did not write it.
    """
    path = folder / LAST
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler and the zip reader raise whatever they like
        raise ValueError(
            f"checkpoint {path} cannot be read ({type(error).__name__}: {' '.join(str(error).split())[:200]}); it must "
            "be one that train wrote: remove it, or start anew with --overwrite"
        ) from error
    if not isinstance(state, dict) or not state.keys() >= _STATE:
        raise ValueError(f"checkpoint {path} must be one that train wrote, got {type(state).__name__}")
    return state


def save_weights(file: Path, net: nn.Module, metadata: Mapping[str, Any]) -> None:
    """Write a network as safetensors.

    Args:
        file: the file to write.
        net: the network.
        metadata: plain values, stored as one JSON text under `METADATA`: safetensors writes several entries in any
            order, and the same run should give the same SHA-256.
    """
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()}
    write_bytes(file, save(tensors, {METADATA: json.dumps(metadata)}))
