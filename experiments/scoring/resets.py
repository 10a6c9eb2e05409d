"""VOT's supervised runs: a tracker that loses its target is started anew, and how often is counted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.boxes import Floats, bbox_iou
from data.datasets.box_files import parse_region, read_bboxes
from experiments.scoring.metrics import clip_to_frame

BURN_IN = 10
"""Frames from each start on that accuracy leaves out: a fresh box is too good to count (Kristan et al., 2015)."""

_START, _FAILURE = 1, 2


@dataclass(frozen=True)
class ResetScore:
    """Accuracy and robustness over all sequences and repetitions of a supervised run.

    Attributes:
        accuracy: mean overlap over the frames that count; NaN where none does.
        failures: how often the target was lost.
        failures_per_100: the same for each 100 frames.
        frames: of all runs together.
    """

    accuracy: float
    failures: int
    failures_per_100: float
    frames: int


@dataclass(frozen=True)
class SupervisedRun:
    """A run with resets.

    Attributes:
        bboxes: boxes ``(N, 4)``, 0-based, NaN where the tracker gave none.
        codes: ``(N,)``: 1 where it was started, 2 where it failed, 0 elsewhere.
        truth: the ground truth ``(N, 4)``.
        frame_wh: width and height of the frames, to which boxes are cut, as the VOT toolkit cuts regions;
            None to leave them as they are.
    """

    bboxes: Floats
    codes: Sequence[int]
    truth: Floats
    frame_wh: tuple[int, int] | None = None

    def overlap(self) -> Floats:
        """Intersection over union ``(N,)`` of what is inside the frame; NaN where there is no box."""
        if self.frame_wh is None:
            return bbox_iou(self.bboxes, self.truth)
        inside = (clip_to_frame(boxes, self.frame_wh) for boxes in (self.bboxes, self.truth))
        with np.errstate(invalid="ignore"):  # of two boxes outside nothing is left
            overlap = bbox_iou(*inside)
        return np.where(np.isnan(self.bboxes[:, 0]), np.nan, np.nan_to_num(overlap))


def score_resets(runs: Iterable[SupervisedRun]) -> ResetScore:
    """Score supervised runs."""
    overlaps, failures, frames = [], 0, 0
    for run in runs:
        starts = np.flatnonzero(np.equal(run.codes, _START))
        burning = (starts[:, None] + np.arange(BURN_IN)).ravel()
        overlap = run.overlap()
        overlap[burning[burning < len(overlap)]] = np.nan
        overlaps.append(overlap[np.isfinite(overlap)])
        failures += int(np.equal(run.codes, _FAILURE).sum())
        frames += len(run.truth)
    counted = np.concatenate([*overlaps, np.empty(0)])
    accuracy = float(counted.mean()) if counted.size else float("nan")
    return ResetScore(accuracy, failures, 100 * failures / max(frames, 1), frames)


def evaluate_resets(
    folder: Path, truths: Mapping[str, Floats], sizes: Mapping[str, tuple[int, int]], problems: list[str]
) -> ResetScore | None:
    """Score ``baseline/<sequence>/<sequence>_001.txt``, … of a tracker's folder; None where there are none.

    Args:
        folder: of the tracker.
        truths: sequence -> its ground truth.
        sizes: sequence -> width and height of its frames, where they are known.
        problems: gets a line for each file that cannot be used.
    """
    runs = []
    for name, truth in truths.items():
        for path in sorted((folder / "baseline" / name).glob(f"{name}_[0-9][0-9][0-9].txt")):
            try:
                bboxes, codes = read_resets(path)
                if len(bboxes) != len(truth):
                    raise ValueError(f"{path}: {len(bboxes)} rows for {len(truth)} frames")
            except (OSError, ValueError) as error:
                problems.append(f"a run of {name} of {folder.name} is left out: {error}")
            else:
                runs.append(SupervisedRun(bboxes, codes, truth, sizes.get(name)))
    return score_resets(runs) if runs else None


def read_resets(path: Path) -> tuple[Floats, list[int]]:
    """Boxes ``(N, 4)``, 0-based, and codes of a supervised run; a line holds a region or a single code.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line is neither.
    """
    codes = []

    def parse(fields: list[str]) -> list[float]:
        codes.append(int(fields[0]) if len(fields) == 1 else 0)
        return [float("nan")] * 4 if len(fields) == 1 else parse_region(fields)

    return read_bboxes(path, parse), codes
