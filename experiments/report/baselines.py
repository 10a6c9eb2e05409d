"""Published trackers' scores on OTB-100, in ``otb2015.json``, for comparison."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments.scoring.evaluation import Evaluation, TrackerResult
from experiments.scoring.metrics import Score

_FILE = Path(__file__).with_name("otb2015.json")
_CURVES = ("success", "precision", "normalised_precision", "rate")


def with_baselines(evaluation: Evaluation, dataset: str) -> Evaluation:
    """Append the published trackers to an evaluation, on its sequences; not one that it has by the same name.

    Raises:
        ValueError: the dataset is not one of OTB's, or the evaluation follows other rules than OTB's.
    """
    if not dataset.startswith("otb") or evaluation.rules != "otb":
        raise ValueError(f"--baselines are of OTB under --rules otb, got {dataset} under {evaluation.rules}")
    own = {one.name.casefold() for one in evaluation.results}
    results = [
        TrackerResult(
            f"{name} (published)",
            {one: scores[one] for one in evaluation.attributes if one in scores},
        )
        for name, scores in read_baselines().items()
        if name.casefold() not in own
    ]
    return replace(evaluation, results=(*evaluation.results, *results))


def read_baselines(path: Path = _FILE) -> dict[str, dict[str, Score]]:
    """Read stored scores: tracker -> sequence -> score.

    Of each curve the file holds in how many frames each threshold is the first passed.
    """
    trackers = json.loads(path.read_text("utf-8"))["trackers"]
    return {
        name: {sequence: _decode(one) for sequence, one in sequences.items()}
        for name, sequences in trackers.items()
    }


def _decode(values: dict[str, Any]) -> Score:
    frames = values["frames"]
    curves = {name: np.cumsum(values[name]) / frames for name in _CURVES}
    return Score(**curves, ao=values["ao"], frames=frames)
