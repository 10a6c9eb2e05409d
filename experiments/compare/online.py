"""The on-line part of a comparison: ``dslt``'s filter fitted to frame 1 and updated with one loss."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from data.boxes import Floats, Image, bbox_center, frames_with_box
from data.crop import SearchRegion, crop
from data.datasets.clip import Clip
from data.images import read_image
from experiments.compare.clips import PROBE_SEED, clips_at, first_bbox, track_clips
from experiments.compare.measures import Peaks, peak_pixels
from experiments.compare.plan import Unit
from experiments.compare.settings import ComparisonSettings, OnlineSettings
from experiments.trackers.fitting import fitted_filters
from experiments.trackers.online_loss import ResponseLoss
from experiments.train.build import set_up_torch
from losses.registry import build_map_loss
from tracker import DSLTTracker, load_tracker
from tracker.features import to_tensor
from tracker.solvers import correlate

RATES = {"adam": 0.05, "irls": 1.0}
"""What the search varies, at factor 1: Adam's learning rate, and the λ of ``irls``, which has no rate."""

ADAM_REGULARISATION = 2.55e-4
"""λ of the paper: so small that the scale of a loss does not matter beside it."""

MARKS = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120)
"""Steps on frame 1 after which the filter is measured, as far as the budget goes."""

TRACKED_MARKS = (3, 12)
"""Steps on frame 1 after which, as after all of them, the filter tracks the validation clips as it is."""

_PROBES = 4  # measured frames of a clip

_SHIFT = 1.2
"""Largest displacement of a measured frame's target either way, in its width and height."""


def online_unit(unit: Unit, settings: ComparisonSettings) -> dict[str, Any]:
    """Fit, track and measure with the unit's loss; return what its result file holds.

    Args:
        unit: of stage ``online``.
        settings: of the comparison.

    Raises:
        ValueError, OSError: a clip cannot be read, or the tracker cannot be built.
    """
    set_up_torch(1, deterministic=False)
    budget = settings.budget
    tracker = build(unit, settings.online)
    rate: dict[str, Any] = {"rate": RATES[settings.online.solver] * unit.factor}
    if unit.phase == "search":
        return rate | {"score": _mean_overlap(tracker, clips_at(settings.validation), budget.search_frames)}
    clips = clips_at(settings.test)
    result = rate | _fitted(tracker, clips, unit.seed)
    overlaps = _without_updates(unit, settings)
    for point in result["course"]:
        if point["step"] in overlaps:
            point["ao"] = overlaps[point["step"]]
    return result | {"clips": track_clips(tracker, clips, budget.frames, unit.seed)}


def _mean_overlap(tracker: DSLTTracker, clips: Sequence[Clip], frames: int, seed: int = 0) -> float:
    return float(np.mean([one["ao"] for one in track_clips(tracker, clips, frames, seed).values()]))


def build(unit: Unit, online: OnlineSettings, **changed: Any) -> DSLTTracker:
    """Build ``dslt`` with the unit's loss and rate, for all steps on frame 1: no loss ends them early.

    Args:
        unit: of stage ``online``.
        online: settings of the comparison.
        changed: further settings of the tracker.
    """
    rate = RATES[online.solver] * unit.factor
    varied: dict[str, Any] = {"regularisation": rate}
    if online.solver == "adam":
        varied = {"learning_rate": rate, "regularisation": ADAM_REGULARISATION, "stop_share": 0.0}
    tracker = load_tracker(
        "dslt",
        criterion=ResponseLoss(build_map_loss(reduction="none", **unit.loss)),
        solver=online.solver,
        first_steps=online.first_steps,
        backbone=online.backbone,
        weights=online.weights,
        **varied,
        **changed,
    )
    assert isinstance(tracker, DSLTTracker)
    return tracker


def _without_updates(unit: Unit, settings: ComparisonSettings) -> dict[int, float]:
    """AO on the validation clips by number of steps on frame 1, of filters that are not updated."""
    clips, frames = clips_at(settings.validation), settings.budget.search_frames
    overlaps = {}
    for mark in (*TRACKED_MARKS, settings.online.first_steps):
        tracker = build(unit, replace(settings.online, first_steps=mark), update_interval=frames)
        overlaps[mark] = _mean_overlap(tracker, clips, frames, unit.seed)
    return overlaps


def probes(clip: Clip, tracker: DSLTTracker) -> Iterator[tuple[Image, Floats]]:
    """Search regions of frames spread over a clip, displaced from the target; the same for every loss and seed.

    Yields:
        The region, uint8 RGB ``(S, S, 3)``, and the target's box in its pixels, float64 ``(4,)``.
    """
    draw = np.random.default_rng([PROBE_SEED, len(clip)])
    present = frames_with_box(clip.bboxes)[1:]
    for index in present[np.linspace(0, len(present) - 1, min(_PROBES, len(present))).astype(int)]:
        bbox = clip.bboxes[index]
        side = tracker.search.side(bbox[2:])
        shift = draw.uniform(-_SHIFT, _SHIFT, 2) * bbox[2:]
        region = SearchRegion.around(bbox_center(bbox) + shift, side, tracker.search.crop_size)
        yield crop(read_image(clip.paths[index]), region), region.to_crop(bbox)


def _fitted(tracker: DSLTTracker, clips: Sequence[Clip], seed: int) -> dict[str, Any]:
    """How the filter of frame 1 responds to later frames, by number of steps, in the mean over all clips."""
    last = tracker.solver.first_steps  # type: ignore[attr-defined]
    marks = [mark for mark in MARKS if mark < last] + [last]
    peaks: dict[int, list[Peaks]] = {mark: [] for mark in marks}
    seconds: dict[int, list[float]] = {mark: [] for mark in marks}
    shares: dict[int, list[float]] = {mark: [] for mark in marks}
    criterion: ResponseLoss = tracker.criterion  # type: ignore[assignment]
    maps: list[NDArray[np.float32]] = []
    for clip in clips:
        image = read_image(clip.paths[int(frames_with_box(clip.bboxes)[0])])
        tracker.init(image, first_bbox(clip, image, seed))
        patches, bboxes = zip(*probes(clip, tracker), strict=True)
        stride, crop_size = tracker.features.backbone.stride, tracker.search.crop_size
        with torch.no_grad():
            features = tracker.features(to_tensor(patches, tracker.device))
            regression = tracker.regression
            for mark, spent, kernel in fitted_filters(tracker.solver, regression, tracker.kernel_hw, marks):
                share = criterion.easy_background_share(regression.respond(kernel), regression.labels)
                shares[mark].append(share)
                seconds[mark].append(spent)
                response = correlate(features, kernel, regression.padding_hw)
                peaks[mark].append(Peaks.of(peak_pixels(response, stride, crop_size), bboxes))
        maps += list(response[:, 0].cpu().numpy())
    joined = {mark: Peaks.joined(parts) for mark, parts in peaks.items()}
    return {
        "course": [
            {"step": mark, "seconds": float(np.mean(seconds[mark])), **joined[mark].means()} for mark in marks
        ],
        "easy_background": [
            {"step": mark, "share": float(np.mean(values))}
            for mark, values in shares.items()
            if np.isfinite(values).all()
        ],
        "probes": joined[last].record(maps),
    }
