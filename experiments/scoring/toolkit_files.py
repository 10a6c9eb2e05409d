"""Result files as OTB's toolkits write them: JSON of the one in Python, ``.mat`` of the one in MATLAB.

A file holds all runs of a sequence: 20 of TRE, 12 of SRE; the first of TRE is OPE's. Each run says how many frames it
covers, up to the end of the sequence, so where it starts need not be known.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from data.boxes import Floats, from_one_based

SUFFIXES = (".json", ".mat")

_COUNTS = {"tre": 20, "sre": 12}


def toolkit_sequence(path: Path) -> str:
    """Name of the sequence: ``Deer.json``, or ``deer_CT.mat``, where the tracker's follows."""
    return path.stem if path.suffix == ".json" else path.stem.partition("_")[0]


def read_toolkit_runs(path: Path, truth: Floats, protocol: str) -> list[tuple[Floats, Floats]]:
    """Boxes of each run, 0-based, NaN where there is none, and the ground truth of its frames.

    Args:
        path: the file.
        truth: ground truth of the whole sequence, ``(N, 4)``.
        protocol: ``ope``, ``tre`` or ``sre``.

    Raises:
        OSError: the file cannot be read.
        RuntimeError: a ``.mat`` is to be read without SciPy.
        ValueError: it does not hold the runs that the protocol asks for, or one that is not of rectangles.
    """
    runs = _read_json(path) if path.suffix == ".json" else _read_mat(path)
    wanted = _COUNTS.get(protocol, 1)
    if len(runs) < wanted or (protocol != "ope" and len(runs) > wanted):
        raise ValueError(f"{path}: {protocol.upper()} asks for {wanted} runs, got {len(runs)}")
    return [_matched(run, truth, f"{path}, run {number}") for number, run in enumerate(runs[:wanted], 1)]


def _matched(run: dict[str, Any], truth: Floats, where: str) -> tuple[Floats, Floats]:
    if run["type"] != "rect":
        raise ValueError(f"{where}: only rectangles are read (type rect), got type {run['type']}")
    try:
        boxes = from_one_based(np.array(run["res"], dtype=np.float64))
        frames = int(run["frames"])
    except (TypeError, ValueError):
        boxes, frames = np.empty(0), 0
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{where}: res must be a list of boxes [x, y, w, h]")
    if not 0 < len(boxes) <= frames <= len(truth):
        raise ValueError(f"{where}: {len(boxes)} rows for {frames} frames, of {len(truth)} annotated ones")
    boxes[~(boxes[:, 2:] > 0).all(axis=1) | ~np.isfinite(boxes).all(axis=1)] = np.nan
    return boxes, truth[len(truth) - frames :][: len(boxes)]


def _read_json(path: Path) -> list[dict[str, Any]]:
    try:
        runs = json.loads(path.read_text("utf-8"))
        return [
            {"type": run["resType"], "res": run["res"], "frames": run["endFrame"] - run["startFrame"] + 1}
            for run in runs
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no result file of OTB's toolkit: {error!r}") from None


def _read_mat(path: Path) -> list[dict[str, Any]]:
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError:
        raise RuntimeError(
            f"{path} can only be read with SciPy: pip install -c constraints.txt scipy"
        ) from None
    try:
        runs = np.atleast_1d(loadmat(path, squeeze_me=True, struct_as_record=False)["results"])
        return [{"type": run.type, "res": np.atleast_2d(run.res), "frames": run.len} for run in runs]
    except (AttributeError, KeyError, NotImplementedError, TypeError, ValueError, MatReadError) as error:
        raise ValueError(f"{path} is no result file of OTB's toolkit: {error!r}") from None
