"""Whose a run's folder is: never overwritten by accident, and gone on with by the same config only."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from data.files import replacing
from experiments.config_file import differences, read_config
from experiments.train.checkpoints import BEST, LAST

CONFIG, METRICS = "config.yaml", "metrics.jsonl"
_FILES = (LAST, BEST, CONFIG, METRICS, "events.out.tfevents.*")


def claim(folder: Path, settings: Mapping[str, Any], *, resume: bool, overwrite: bool) -> None:
    """Make sure that a run may write into ``folder``, and write ``config.yaml``.

    Args:
        folder: made where it does not exist.
        settings: the resolved config.
        resume: the folder may hold a run with this config.
        overwrite: what it holds of a run is removed.

    Raises:
        FileExistsError: it holds something, and neither is asked for.
        ValueError: both are asked for, or the run there has another config; the message says which keys differ.
    """
    if resume and overwrite:
        raise ValueError("--resume goes on with a run and --overwrite removes it: give one of them")
    if not (resume or overwrite) and folder.is_dir() and any(folder.iterdir()):
        raise FileExistsError(
            f"run folder {folder} is not empty: go on with --resume, start anew with --overwrite, or choose another "
            "--output"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".*.partial*"):  # of a process that was killed while it wrote
        leftover.unlink()
    if overwrite:
        for pattern in _FILES:
            for file in folder.glob(pattern):
                file.unlink()
    config = folder / CONFIG
    if resume and config.is_file():
        different = list(differences(read_config(config), settings))
        if different:
            raise ValueError(
                f"--resume needs the config of the run in {folder}, but {'; '.join(different)}: give the same "
                "options (or none, they are read from there), or start anew with --overwrite"
            )
        return
    with replacing(config) as path:
        path.write_text(yaml.safe_dump(dict(settings), sort_keys=False), encoding="utf-8")
