"""Protocols: one pass (OPE), and OTB's robustness to the start in time (TRE) and in space (SRE).

TRE and SRE follow the official toolkit of Wu, Lim and Yang (tracker_benchmark_v1.0). Its boxes are 1-based and
its ``round`` sends halves away from zero; both decide the last pixel, so the rules below are in its terms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from data.boxes import Floats, from_one_based, to_one_based
from data.datasets.clip import Clip

PROTOCOLS = ("ope", "tre", "sre")
"""Protocols that have a folder of results each; VOT's supervised runs lie beside its ``ope``."""
SUPERVISED = "supervised"
SRE_SHIFTS = (
    *("left", "right", "up", "down", "top_left", "top_right", "bottom_left", "bottom_right"),
    *("scale_8", "scale_9", "scale_11", "scale_12"),
)
"""The twelve initial boxes of SRE in the official order: shifts by a tenth, corners pulled out by a tenth, scales."""

Stretches: TypeAlias = Sequence[tuple[int, int]]
"""Index of the first and the last frame of each, both counted."""

_TRE_STARTS = 20
_TRE_MIN_FRAMES = 20


@dataclass(frozen=True)
class Run:
    """One run of a tracker through a sequence, or through the end of it.

    Attributes:
        sequence: The whole sequence.
        number: Number of the run, from 1: up to 20 for TRE, 12 for SRE.
        start: Index of the first frame.
        bbox: Initial box, float64 ``(4,)``, 0-based.
    """

    sequence: Clip
    number: int
    start: int
    bbox: Floats

    def __len__(self) -> int:
        return len(self.sequence) - self.start


def usual_protocol(dataset: str) -> str:
    """How trackers are run on a dataset by its own rules: supervised on VOT, in one pass elsewhere."""
    return SUPERVISED if dataset == "vot" else "ope"


def plan_runs(sequence: Clip, protocol: str = "ope", repetitions: int = 1) -> list[Run]:
    """Plan the runs of a protocol on a sequence.

    Args:
        sequence: The sequence.
        protocol: One of `PROTOCOLS`, or `SUPERVISED`.
        repetitions: How often the same run is done, of OPE and of supervised runs.

    Raises:
        ValueError: The first frame has no box, or TRE finds no frame to start in.
        OSError: SRE cannot read the first image.
    """
    if protocol == "tre":
        starts = tre_starts(sequence.bboxes, sequence.not_started_in)
        return [
            Run(sequence, number, start, sequence.bboxes[start]) for number, start in enumerate(starts, 1)
        ]
    if np.isnan(sequence.bboxes[0]).any():
        raise ValueError(f"{sequence.name} has no box in its first frame: there is nothing to start with")
    if protocol == "sre":
        frame_wh = sequence.read_frame_wh()
        boxes = [shifted_bbox(sequence.bboxes[0], shift, frame_wh) for shift in SRE_SHIFTS]
        return [Run(sequence, number, 0, bbox) for number, bbox in enumerate(boxes, 1)]
    return [Run(sequence, number, 0, sequence.bboxes[0]) for number in range(1, repetitions + 1)]


def run_truths(truth: Floats, protocol: str, count: int, not_started_in: Stretches = ()) -> list[Floats]:
    """The ground truth of each of a sequence's ``count`` runs, from the run's first frame on.

    Arguments are those of `tre_starts`.

    Raises:
        ValueError: TRE or SRE has another number of runs.
    """
    if protocol == "ope" or not count:
        return [truth] * count
    starts = tre_starts(truth, not_started_in) if protocol == "tre" else [0] * len(SRE_SHIFTS)
    if len(starts) != count:
        raise ValueError(f"{protocol.upper()} asks for {len(starts)} runs, got {count}")
    return [truth[start:] for start in starts]


def tre_starts(bboxes: Floats, not_started_in: Stretches = ()) -> list[int]:
    """Indices of the 20 frames in which TRE starts, evenly spaced; the last start leaves 20 frames to track.

    TRE does not start in a frame without a box, or whose box touches the frame's left or upper border.

    Args:
        bboxes: Ground truth ``(N, 4)``, 0-based, NaN where absent.
        not_started_in: Index of the first and the last frame of further stretches without a start.

    Raises:
        ValueError: There is no such frame.
    """
    inside = np.asarray((to_one_based(bboxes) > 0).all(axis=1))
    for first, last in not_started_in:
        inside[first : last + 1] = False
    usable = np.flatnonzero(inside)
    count = int((usable <= len(bboxes) - _TRE_MIN_FRAMES).sum())
    if not count:
        raise ValueError(
            f"TRE needs a frame with a box and at least {_TRE_MIN_FRAMES} frames from there on, "
            f"got {len(bboxes)} frames"
        )
    # The toolkit takes floor(1 : count/19 : count), 1-based, and then count itself.
    steps = range(_TRE_STARTS - 1)
    places = [1 + step * count // len(steps) for step in steps]
    return [int(usable[place - 1]) for place in (*(place for place in places if place <= count), count)]


def shifted_bbox(bbox: Floats, shift: str, frame_wh: tuple[int, int]) -> Floats:
    """Compute one of SRE's initial boxes, 0-based like ``bbox`` and cut to the frame as in the toolkit.

    Args:
        bbox: Ground truth of the first frame, ``(x, y, w, h)``, 0-based.
        shift: One of `SRE_SHIFTS`.
        frame_wh: Width and height of the frame in pixels.
    """
    x, y, w, h = to_one_based(bbox)
    if shift.startswith("scale_"):
        ratio = int(shift.removeprefix("scale_")) / 10
        corner = (x + w / 2 - ratio * w / 2, y + h / 2 - ratio * h / 2)
        x, y, w, h = _round(np.array([*corner, ratio * w, ratio * h]))
    elif "_" in shift:
        vertical, horizontal = shift.split("_")
        right, bottom = x + w - 1, y + h - 1
        left_out, top_out = _round(np.array([x - 0.1 * w, y - 0.1 * h]))
        right_out, bottom_out = _round(np.array([right + 0.1 * w, bottom + 0.1 * h]))
        x, right = (left_out, right) if horizontal == "left" else (x, right_out)
        y, bottom = (top_out, bottom) if vertical == "top" else (y, bottom_out)
        w, h = right - x + 1, bottom - y + 1
    else:
        across, along = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}[shift]
        x, y = x + across * np.ceil(0.1 * w), y + along * np.ceil(0.1 * h)
    x, y = max(x, 1), max(y, 1)  # the size stays as it is
    return from_one_based([x, y, min(w, frame_wh[0] - x + 1), min(h, frame_wh[1] - y + 1)])


def _round(values: Floats) -> Floats:
    return np.copysign(np.floor(np.abs(values) + 0.5), values)
