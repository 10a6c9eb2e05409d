"""Published trackers' scores on OTB-100, in ``otb2015.json``, for comparison."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from data.boxes import Floats
from data.files import write_text
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
        for name, scores in read_baselines(_FILE).items()
        if name.casefold() not in own
    ]
    return replace(evaluation, results=(*evaluation.results, *results))


def read_baselines(path: Path) -> dict[str, dict[str, Score]]:
    """Read the scores of a file that `write_baselines` wrote: tracker -> sequence -> score."""
    trackers = json.loads(path.read_text("utf-8"))["trackers"]
    return {
        name: {sequence: _decode(one) for sequence, one in sequences.items()}
        for name, sequences in trackers.items()
    }


def write_baselines(path: Path, results: Iterable[TrackerResult], source: str) -> None:
    """Store scores exactly: for each curve the number of frames in which each threshold is the first passed.

    Args:
        path: JSON file to write.
        results: the trackers' results.
        source: where the boxes come from and how they were scored.
    """
    trackers = {
        one.name: {sequence: _encode(score) for sequence, score in one.scores.items()} for one in results
    }
    text = json.dumps({"source": source, "trackers": trackers}, separators=(",", ":"))
    write_text(path, text.replace('},"', '},\n"') + "\n")


def _encode(score: Score) -> dict[str, Any]:
    curves = {name: _steps(getattr(score, name), score.frames) for name in _CURVES}
    return {"frames": score.frames, "ao": round(score.ao, 6), **curves}


def _decode(values: dict[str, Any]) -> Score:
    frames = values["frames"]
    curves = {name: np.cumsum(values[name]) / frames for name in _CURVES}
    return Score(**curves, ao=values["ao"], frames=frames)


def _steps(curve: Floats, frames: int) -> list[int]:
    counts = np.rint(curve * frames).astype(int)
    return [int(step) for step in np.diff(counts, prepend=0)]
