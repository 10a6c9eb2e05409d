"""Checkpoints of the ``train`` command: a network's tensors, and the settings of its construction and training."""

import json
from pathlib import Path
from typing import Any

from tracker.backbones.weights import load_into, read_weights
from tracker.network.regression_net import RegressionNet, TrainingCrops, build_regression_net

SUFFIX = ".safetensors"

METADATA = "training"
"""Key of the metadata in the file: one JSON text with ``config`` (the resolved settings) and ``versions``."""

LIMITS = {
    "model.channels": (1, 4096),
    "model.widths": (1, 4096),
    "data.crop_size": (16, 2048),
    "data.search_area_scale": (1, 32),
}
"""Least and most of the numbers that memory depends on; a file that says others is damaged or hostile."""


def read_metadata(file: str | Path) -> dict[str, Any]:
    """Read the metadata of a checkpoint: ``config`` (the resolved settings) and ``versions``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no checkpoint of the ``train`` command.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(file)
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint {path} does not exist")
    try:
        with safe_open(path, "pt") as opened:
            found = json.loads((opened.metadata() or {})[METADATA])
        if not isinstance(found["config"]["model"], dict):
            raise TypeError("its config names no model")
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"checkpoint {path} must be one that `train` wrote (its best.safetensors), and whole: {error}"
        ) from error
    read: dict[str, Any] = found
    return read


def load_regression_net(file: str | Path) -> RegressionNet:
    """Load the network of a checkpoint, in evaluation mode and without gradients.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no checkpoint of the ``train`` command, or its tensors do not fit its settings.
    """
    config = read_metadata(file)["config"]
    crops = None
    try:
        _check_sizes(config)
        data = config.get("data", {})
        if {"crop_size", "search_area_scale"} <= data.keys():
            crops = TrainingCrops(data["crop_size"], data["search_area_scale"])
        # The backbone's tensors are in the file, whatever training started from.
        net = build_regression_net(**{**config["model"], "initial": str(file)}, crops=crops)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"checkpoint {file} describes a network that none can build: {error}") from None
    load_into(net, read_weights(file), str(file))
    return net.eval().requires_grad_(False)


def _check_sizes(config: dict[str, Any]) -> None:
    for name, (least, most) in LIMITS.items():
        section, _, key = name.partition(".")
        value = config.get(section, {}).get(key)
        for one in value if isinstance(value, list) else [value]:
            if one is not None and not (isinstance(one, int | float) and least <= one <= most):
                raise ValueError(f"{name} must be {least} to {most}, got {one!r}")
