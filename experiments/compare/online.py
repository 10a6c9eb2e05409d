"""The on-line part of a comparison: ``dslt``'s filter fitted to frame 1 and updated with one loss."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.boxes import Floats, Image, bbox_center, frames_with_box
from data.crop import SearchRegion, crop
from data.datasets.clip import Clip
from data.images import read_image
from experiments.compare.clips import PROBE_SEED, clips_at, first_bbox, track_clips
from experiments.compare.measures import Peaks, encode_map
from experiments.compare.plan import Unit
from experiments.compare.settings import ComparisonSettings, OnlineSettings
from experiments.trackers.online_loss import ResponseLoss
from experiments.train.build import set_up_torch
from losses.registry import build_map_loss
from tracker import DSLTTracker, load_tracker
from tracker.features import to_tensor
from tracker.solvers import Regression, correlate
from tracker.solvers.adam import AdamSolver
from tracker.solvers.irls import ReweightedLeastSquares

RATES = {"adam": 0.05, "irls": 1.0}
"""What the search varies, at factor 1: Adam's learning rate, and the λ of ``irls``, which has no rate."""

ADAM_REGULARISATION = 2.55e-4
"""λ of the paper: so small that the scale of a loss does not matter beside it."""

MARKS = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120)
"""Steps on frame 1 after which the filter is measured, as far as the budget goes."""

TRACKED_MARKS = (3, 12)
"""Steps on frame 1 after which, as after all of them, the filter tracks the validation clips as it is."""

_SHIFT = 1.2
"""Largest displacement of a measured frame's target either way, in its width and height."""


def online_unit(unit: Unit, settings: ComparisonSettings) -> dict[str, Any]:
    """Fit, track and measure with the unit's loss: what its result file holds.

    Args:
        unit: of stage ``online``.
        settings: of the comparison.

    Raises:
        ValueError, OSError: a clip that cannot be read, or a tracker that cannot be built.
    """
    set_up_torch(1, deterministic=False)
    budget = settings.budget
    tracker = build(unit, settings.online)
    result: dict[str, Any] = {"rate": RATES[settings.online.solver] * unit.factor}
    if unit.phase == "search":
        scores = track_clips(tracker, clips_at(settings.validation), budget.search_frames)
        return result | {"score": float(np.mean([one["ao"] for one in scores.values()]))}
    clips = clips_at(settings.test)
    result |= _fitted(tracker, clips, unit.seed)
    overlaps = _without_updates(unit, settings)
    for point in result["course"]:
        if point["step"] in overlaps:
            point["ao"] = overlaps[point["step"]]
    return result | {"clips": track_clips(tracker, clips, budget.frames, unit.seed)}


def build(unit: Unit, online: OnlineSettings, **changed: Any) -> DSLTTracker:
    """``dslt`` with the unit's loss and rate; frame 1 takes all of its steps, whatever its loss comes to.

    Args:
        unit: of stage ``online``.
        online: settings of the comparison.
        changed: further settings of the tracker.
    """
    solver = online.solver
    varied: dict[str, Any] = {
        "adam": {"learning_rate": RATES["adam"] * unit.factor, "regularisation": ADAM_REGULARISATION},
        "irls": {"regularisation": RATES["irls"] * unit.factor},
    }[solver]
    if solver == "adam":
        varied["stop_share"] = 0.0
    tracker = load_tracker(
        "dslt",
        criterion=ResponseLoss(build_map_loss(reduction="none", **unit.loss)),
        solver=solver,
        first_steps=online.first_steps,
        backbone=online.backbone,
        weights=online.weights,
        **varied,
        **changed,
    )
    assert isinstance(tracker, DSLTTracker)
    return tracker


def _without_updates(unit: Unit, settings: ComparisonSettings) -> dict[int, float]:
    """AO on the validation clips of the filter of frame 1 after so many steps, which learns nothing more."""
    clips, frames = clips_at(settings.validation), settings.budget.search_frames
    overlaps = {}
    for mark in (*TRACKED_MARKS, settings.online.first_steps):
        tracker = build(unit, replace(settings.online, first_steps=mark), update_interval=frames)
        scores = track_clips(tracker, clips, frames, unit.seed)
        overlaps[mark] = float(np.mean([one["ao"] for one in scores.values()]))
    return overlaps


@dataclass(frozen=True)
class Probe:
    """A later frame of a clip around its target, displaced by a known amount.

    Attributes:
        patch: search region, uint8 RGB ``(S, S, 3)``.
        bbox: the target in the patch's pixels, float64 ``(4,)``.
    """

    patch: Image
    bbox: Floats


def probes(clip: Clip, tracker: DSLTTracker, count: int = 4) -> Iterator[Probe]:
    """Frames spread over a clip; the same for every loss and seed."""
    draw = np.random.default_rng([PROBE_SEED, len(clip)])
    present = frames_with_box(clip.bboxes)[1:]
    for index in present[np.linspace(0, len(present) - 1, min(count, len(present))).astype(int)]:
        bbox = clip.bboxes[index]
        side = tracker.search.side(bbox[2:])
        shift = draw.uniform(-_SHIFT, _SHIFT, 2) * bbox[2:]
        region = SearchRegion.around(bbox_center(bbox) + shift, side, tracker.search.crop_size)
        yield Probe(crop(read_image(clip.paths[index]), region), region.to_crop(bbox))


def _fitted(tracker: DSLTTracker, clips: Sequence[Clip], seed: int) -> dict[str, Any]:
    """How the filter of frame 1 responds to later frames, step by step, with the means over all clips."""
    marks = [mark for mark in MARKS if mark < tracker.solver.first_steps] + [tracker.solver.first_steps]  # type: ignore[attr-defined]
    found: dict[int, list[tuple[float, Peaks]]] = {mark: [] for mark in marks}
    shares: dict[int, list[float]] = {mark: [] for mark in marks}
    criterion: ResponseLoss = tracker.criterion  # type: ignore[assignment]
    last: list[NDArray[np.float32]] = []
    for clip in clips:
        image = read_image(clip.paths[int(frames_with_box(clip.bboxes)[0])])
        tracker.init(image, first_bbox(clip, image, seed))
        shown = list(probes(clip, tracker))
        with torch.no_grad():
            patches = torch.cat([to_tensor(probe.patch, tracker.device) for probe in shown])
            features, regression = tracker.features(patches), tracker.regression
            for mark, seconds, kernel in _steps(tracker, marks):
                share = criterion.easy_background_share(regression.respond(kernel), regression.labels)
                shares[mark].append(share)
                responses = correlate(features, kernel, regression.padding_hw)[:, 0].cpu().numpy()
                peaks = [_peak(one, tracker) for one in responses]
                found[mark].append((seconds, Peaks.of(peaks, [probe.bbox for probe in shown])))
        last += list(responses)
    course = []
    for mark, measured in found.items():
        seconds = float(np.mean([one for one, _ in measured]))
        course.append({"step": mark, "seconds": seconds, **_joined(measured).means()})
    final = _joined(found[marks[-1]])
    return {
        "course": course,
        "easy_background": [
            {"step": mark, "share": float(np.mean(values))}
            for mark, values in shares.items()
            if np.isfinite(values).all()
        ],
        "probes": {
            "distance": np.round(final.distance, 4).tolist(),
            "hit": final.hit.tolist(),
            "maps": [encode_map(one) for one in last],
        },
    }


def _joined(measured: list[tuple[float, Peaks]]) -> Peaks:
    return Peaks(*(np.concatenate(parts) for parts in zip(*(peaks for _, peaks in measured), strict=True)))


def _peak(response: NDArray[np.float32], tracker: DSLTTracker) -> Floats:
    """Where a response peaks, x and y in the patch's pixels: zero displacement is the patch's middle."""
    stride = tracker.features.backbone.stride
    row, column = np.unravel_index(int(response.argmax()), response.shape)
    displacement = np.array([column - response.shape[1] // 2, row - response.shape[0] // 2])
    middle: Floats = displacement * stride + (tracker.search.crop_size - 1) / 2
    return middle


def _steps(tracker: DSLTTracker, marks: Sequence[int]) -> Iterator[tuple[int, float, Tensor]]:
    """The filter of frame 1 after so many steps, and the seconds they took."""
    solver, regression, kernel_hw = tracker.solver, tracker.regression, tracker.kernel_hw
    if isinstance(solver, AdamSolver):
        yield from _adam(solver, regression, kernel_hw, marks)
        return
    for mark in marks:  # conjugate directions: anew for each number of steps
        started = time.perf_counter()
        kernel = ReweightedLeastSquares(first_steps=mark).start(regression, kernel_hw)
        yield mark, time.perf_counter() - started, kernel


def _adam(
    solver: AdamSolver, regression: Regression, kernel_hw: tuple[int, int], marks: Sequence[int]
) -> Iterator[tuple[int, float, Tensor]]:
    walker = AdamSolver(
        solver.learning_rate, update_rate=1.0, steps=1, betas=solver.betas, stop_loss=float("inf")
    )
    kernel, spent = walker.start(regression, kernel_hw), 0.0  # ends at once: steps are taken one by one
    for step in range(1, marks[-1] + 1):
        started = time.perf_counter()
        kernel = walker.update(regression, kernel)
        spent += time.perf_counter() - started
        if step in marks:
            yield step, spent, kernel
