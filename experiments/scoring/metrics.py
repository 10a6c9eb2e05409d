"""Success, precision and average overlap under the rules of the field's toolkits; see docs/metrics.md."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.boxes import Floats, bbox_center, bbox_iou

Rules: TypeAlias = Literal["otb", "lasot", "got10k"]
"""The toolkit whose rules decide about absent targets and invalid predictions."""

_USUAL: dict[str, Rules] = {
    "lasot": "lasot",
    **dict.fromkeys(("uav123", "nfs", "tcolor128", "dtb70"), "otb"),  # their toolkits derive from OTB's
}


def usual_rules(dataset: str) -> Rules:
    """The rules of a dataset's published figures; got10k's if it has no toolkit of its own."""
    return "otb" if dataset.startswith("otb") else _USUAL.get(dataset, "got10k")


def has_average_overlap(dataset: str) -> bool:
    """Whether a dataset is scored by GOT-10k's average overlap: every frame counts the same, boxes are clipped."""
    return dataset == "got10k"


SUCCESS_THRESHOLDS = np.linspace(0, 1, 21)
"""Overlaps at which success is measured (Wu, Lim, Yang, CVPR 2013)."""

PRECISION_THRESHOLDS = np.arange(51.0)
"""Centre errors in pixels at which precision is measured."""

NORMALISED_THRESHOLDS = np.linspace(0, 0.5, 51)
"""Centre errors in target sizes at which normalised precision is measured (Müller et al., ECCV 2018)."""

RATE_THRESHOLDS = np.linspace(0, 1, 101)
"""Overlaps at which GOT-10k measures its success rate (Huang, Zhao, Huang, TPAMI 2019)."""

_RUNS = 24  # runs scored together: more outgrow the cache, fewer spend their time in NumPy's calls


@dataclass(frozen=True)
class Score:
    """The score of one target's track, or the mean over several.

    Attributes:
        success: share ``(21,)`` of the frames whose overlap is strictly greater than each threshold.
        precision: share ``(51,)`` of the frames whose centre error is at most each threshold.
        normalised_precision: the same ``(51,)`` of the centre error over the target's width and height.
        rate: share ``(101,)`` of the frames whose overlap is strictly greater than each of GOT-10k's thresholds.
        ao: average overlap in [0, 1].
        frames: number of scored frames.
    """

    success: Floats
    precision: Floats
    normalised_precision: Floats
    rate: Floats
    ao: float
    frames: int

    @property
    def success_auc(self) -> float:
        """Mean success over the thresholds; a perfect tracker gets 20/21, as no overlap is greater than 1."""
        return float(self.success.mean())

    @property
    def precision_20(self) -> float:
        """Precision at 20 pixels."""
        return float(self.precision[20])

    @property
    def normalised_precision_20(self) -> float:
        """Normalised precision at 0.2 target sizes."""
        return float(self.normalised_precision[20])

    @property
    def normalised_precision_auc(self) -> float:
        """Area under normalised precision up to 0.5, divided by 0.5, as in TrackingNet."""
        return float(np.trapezoid(self.normalised_precision) / (len(self.normalised_precision) - 1))

    @property
    def sr_50(self) -> float:
        """Share of the frames whose overlap is greater than 0.5."""
        return float(self.rate[50])

    @property
    def sr_75(self) -> float:
        """Share of the frames whose overlap is greater than 0.75."""
        return float(self.rate[75])


@dataclass(frozen=True)
class FrameErrors:
    """The errors of each frame under the rules.

    Attributes:
        overlap: intersection over union ``(N,)`` in [0, 1]; 0 for a miss.
        error: centre distance ``(N,)`` in pixels; NaN for a miss, negative for a hit at any threshold.
        normalised: centre distance ``(N,)`` over the target's size, likewise.
        present: bool ``(N,)``, the frames with a target by the rules.
        counted: bool ``(N,)``, the frames that the rules score.
    """

    overlap: Floats
    error: Floats
    normalised: Floats
    present: NDArray[np.bool_]
    counted: NDArray[np.bool_]


def frame_errors(predicted: ArrayLike, truth: ArrayLike, rules: Rules) -> FrameErrors:
    """Compare boxes ``(N, 4)`` frame by frame; arguments and errors are those of `score`."""
    return _compare([_checked(predicted, truth)], rules, None)


def score(
    predicted: ArrayLike, truth: ArrayLike, rules: Rules = "got10k", frame_wh: tuple[int, int] | None = None
) -> Score:
    """Score boxes ``(N, 4)``, 0-based, of one target; the first box counts as the truth, which the tracker was given.

    Args:
        predicted: the tracker's boxes; NaN for a frame without a box.
        truth: the annotated boxes; NaN where the target is absent.
        rules: ``otb``: an absent target (NaN, or in the toolkit touching the frame's left or upper edge) is a miss for
            success and a hit for precision; the last valid prediction replaces an invalid one. ``lasot``: the same,
            but an absent target is a miss for precision too. ``got10k``: frames without a target are left out, an
            invalid prediction is a miss.
        frame_wh: width and height of the frames, for GOT-10k's own experiment: boxes are clipped to the frame, and the
            first frame is left out.

    Raises:
        ValueError: the shapes are wrong, or no frame has ground truth.
    """
    return score_runs([(predicted, truth)], rules, None if frame_wh is None else [frame_wh])[0]


def score_runs(
    runs: Sequence[tuple[ArrayLike, ArrayLike]],
    rules: Rules = "got10k",
    frames_wh: Sequence[tuple[int, int]] | None = None,
) -> list[Score]:
    """Score many runs at once, in a fraction of the time of `score`.

    Args:
        runs: predicted and annotated boxes of each run.
        rules: see `score`.
        frames_wh: ``frame_wh`` of `score` for each run.

    Raises:
        ValueError: as `score`, for any run.
    """
    pairs = [_checked(predicted, truth) for predicted, truth in runs]
    scores: list[Score] = []
    for first in range(0, len(pairs), _RUNS):
        part = slice(first, first + _RUNS)
        scores += _score_together(pairs[part], rules, None if frames_wh is None else frames_wh[part])
    return scores


def _score_together(
    pairs: Sequence[tuple[Floats, Floats]], rules: Rules, frames_wh: Sequence[tuple[int, int]] | None
) -> list[Score]:
    frames = _compare(pairs, rules, frames_wh)
    run = np.repeat(np.arange(len(pairs)), [len(truth) for _, truth in pairs])[frames.counted]
    overlap = frames.overlap[frames.counted]
    counts = np.bincount(run, minlength=len(pairs))
    if not counts.all():
        raise ValueError("ground truth must have a box in some frame after the first, got none")
    success = 1 - _share_up_to(overlap, SUCCESS_THRESHOLDS, run, counts)
    rate = 1 - _share_up_to(overlap, RATE_THRESHOLDS, run, counts)
    precision = _share_up_to(frames.error[frames.counted], PRECISION_THRESHOLDS, run, counts)
    normalised = _share_up_to(frames.normalised[frames.counted], NORMALISED_THRESHOLDS, run, counts)
    ao = np.bincount(run, overlap) / counts
    return [
        Score(success[i], precision[i], normalised[i], rate[i], float(ao[i]), int(counts[i]))
        for i in range(len(pairs))
    ]


def mean_score(scores: Sequence[Score], by_frames: bool = False) -> Score:
    """Average the curves: every target counts the same, or with ``by_frames`` every frame, as on GOT-10k."""
    frames = [one.frames for one in scores]
    weights = frames if by_frames else None
    means: dict[str, Any] = {
        field.name: np.average([getattr(one, field.name) for one in scores], axis=0, weights=weights)
        for field in fields(Score)
        if field.name != "frames"
    }
    return Score(**means, frames=sum(frames))


def _checked(predicted: ArrayLike, truth: ArrayLike) -> tuple[Floats, Floats]:
    boxes, truths = np.asarray(predicted, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if boxes.shape != truths.shape or truths.ndim != 2 or truths.shape[1] != 4:
        raise ValueError(f"boxes must both be (N, 4), got {boxes.shape} and {truths.shape}")
    if not len(truths):
        raise ValueError("ground truth must have a box in some frame, got no frames")
    return boxes, truths


def _compare(
    pairs: Sequence[tuple[Floats, Floats]], rules: Rules, frames_wh: Sequence[tuple[int, int]] | None
) -> FrameErrors:
    """Compare the frames of all runs, one run after the other."""
    predicted, truth = (np.concatenate(boxes) for boxes in zip(*pairs, strict=True))
    lengths = np.array([len(boxes) for boxes, _ in pairs])
    starts = np.cumsum(lengths) - lengths
    x, y, w, h = truth.T  # column by column: NumPy is several times slower along an axis of four
    present = np.isfinite(x + y + w + h)
    without = np.flatnonzero(~np.logical_or.reduceat(present, starts))
    if without.size:
        frames = lengths[without[0]]
        raise ValueError(f"ground truth must have a box in some frame, got {frames} frames without")
    counted = present.copy() if rules == "got10k" else np.ones(len(truth), dtype=np.bool_)
    if rules != "got10k":
        predicted = _carry_forward(predicted, np.repeat(starts, lengths))
        # The toolkit takes a box with any number of 0 or less for absent; its files count pixels from 1.
        present &= (x > -1) & (y > -1) & (w > 0) & (h > 0)
    predicted[starts] = truth[starts]
    offset = bbox_center(predicted) - bbox_center(truth)
    relative = offset / np.maximum(truth[:, 2:], np.finfo(np.float64).eps)
    if frames_wh is not None:
        each = np.repeat(frames_wh, lengths, axis=0)
        predicted, truth = clip_to_frame(predicted, each), clip_to_frame(truth, each)
        counted[starts] = False
    with np.errstate(invalid="ignore"):  # two boxes of no area, both clipped away, do not overlap
        overlap = np.nan_to_num(bbox_iou(predicted, truth))
    # OTB's toolkit gives absent frames overlap -1, a miss, and error -1, a hit. LaSOT's leaves them out of the
    # numerator but not of the denominator: a miss.
    absent = np.nan if rules == "lasot" else -1
    return FrameErrors(
        overlap=np.where(present, overlap, 0),
        error=np.where(present, _length(offset), absent),
        normalised=np.where(present, _length(relative), absent),
        present=present,
        counted=counted,
    )


def _length(vectors: Floats) -> Floats:
    return np.sqrt(vectors[:, 0] ** 2 + vectors[:, 1] ** 2)


def _carry_forward(bboxes: Floats, first: NDArray[np.intp]) -> Floats:
    """Replace an invalid box by the last valid one of its run, whose first frame is ``first``."""
    x, y, w, h = bboxes.T
    valid = np.isfinite(x + y) & (w > 0) & (h > 0)
    return bboxes.take(np.maximum.accumulate(np.where(valid, np.arange(len(bboxes)), first)), axis=0)


def clip_to_frame(bboxes: Floats, frame_wh: ArrayLike) -> Floats:
    """Clip boxes as got10k does: 1-based ones to [0, width], which is [-1, width - 1] 0-based.

    Args:
        bboxes: ``(N, 4)``, 0-based.
        frame_wh: width and height, ``(2,)`` for all frames or ``(N, 2)``.
    """
    end = np.subtract(frame_wh, 1)
    start = np.clip(bboxes[:, :2], -1, end)
    return np.concatenate([start, np.clip(bboxes[:, 2:], 0, end - start)], axis=1)


def _share_up_to(
    values: Floats, thresholds: Floats, run: NDArray[np.intp], counts: NDArray[np.intp]
) -> Floats:
    """Share ``(runs, T)`` of a run's values that are at most each threshold."""
    size = len(thresholds) + 1
    first = np.searchsorted(
        thresholds, values
    )  # the first threshold that the value does not exceed; none for NaN
    table = np.bincount(run * size + first, minlength=len(counts) * size).reshape(-1, size)
    return table[:, :-1].cumsum(axis=1) / counts[:, None]
