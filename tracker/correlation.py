"""The correlation-filter regression tracker: features, filter, response, localisation, on-line update."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike

from data.boxes import Floats, bbox_center, bbox_from_center, check_bbox_in_frame
from data.crop import SearchRegion, crop
from data.labels import gaussian_label
from tracker.base import NOT_STARTED, Image, TrackOutput, check_image
from tracker.box_follower import BoxFollower
from tracker.checks import not_negative, positive, share, whole
from tracker.features import FeatureExtractor, hann2d, to_tensor
from tracker.filters import FilterModel
from tracker.filters.memory import SampleMemory
from tracker.motion import CameraMotion, MotionSettings, TargetMotion
from tracker.network.box_head import BoxMap
from tracker.response import SCORE_RATE, Peak, find_peak, psr
from tracker.scale import ScaleSearch, ScaleSettings
from tracker.search_area import SearchSettings, bounded_scale
from tracker.settings import describe
from tracker.threads import with_own_threads

NOISE = 0.3
"""A peak lower than this share of its running mean is noise, as when the target is hidden: the box stays."""

CORRECTED = 0.25
"""Share of the memory that a box from outside takes over: it is as sure as frame 1's."""


@dataclass(frozen=True)
class CorrelationScaleSettings(ScaleSettings):
    """Settings of the scale search.

    Attributes:
        scale_interval: number of frames from one search of the size to the next, at least 1.
    """

    scale_interval: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        whole("scale_interval", self.scale_interval, 1)


@dataclass(frozen=True)
class CorrelationLearningSettings:
    """Settings of the samples, the label and the updates.

    Attributes:
        output_sigma_factor: standard deviation of the Gaussian label over ``sqrt(w h)`` of the target, > 0.
        interp_factor: weight of each new sample in the memory, in [0, 1].
        update_interval: number of frames from one that is learned to the next, at least 1.
        memory_size: number of samples kept, including frame 1's, at least 1.
        update_gate: learn only from frames whose response peak is at least this share of its running mean, so
            that an occluder is not learned; 0 learns from every frame.
        reuse_within: if the target moved by at most this many cells, learn from the features in which it was found,
            with the label shifted accordingly, instead of extracting features at its new position; 0 or more.

    Raises:
        ValueError: a setting outside its range.
    """

    output_sigma_factor: float = 0.1
    interp_factor: float = 0.05
    update_interval: int = 1
    memory_size: int = 8
    update_gate: float = 0.5
    reuse_within: float = 1.0

    def __post_init__(self) -> None:
        positive("output_sigma_factor", self.output_sigma_factor)
        share("interp_factor", self.interp_factor)
        whole("update_interval", self.update_interval, 1)
        whole("memory_size", self.memory_size, 1)
        not_negative("update_gate", self.update_gate)
        not_negative("reuse_within", self.reuse_within)


class Found(NamedTuple):
    """What the filter finds in one frame.

    Attributes:
        region: that was searched.
        seen: the backbone's features of its crop, float32 ``(1, channels, h, w)``.
        spectrum: of the filter's features, complex64 ``(1, C, h, w//2+1)``.
        response: float32 ``(1, 1, h, w)``.
        peak: of the response.
        psr: its ratio to the sidelobe.
        sure: it is high enough to learn from.
    """

    region: SearchRegion
    seen: torch.Tensor
    spectrum: torch.Tensor
    response: torch.Tensor
    peak: Peak
    psr: float
    sure: bool


class CorrelationFilterTracker:
    """Follows a target by the peak of a learned filter's response on a search region.

    Args:
        extractor: turns crops into features that are standardised on frame 1.
        model: the regression filter.
        search: settings of the search region and of lost targets.
        motion: settings of the place at which the search begins.
        scale: settings of the scale search.
        learning: settings of the samples, the label and the updates.
        box: follows the box with a trained box head, instead of the scale search; or None.
        device: device of features and filter.

    Raises:
        ValueError: ``crop_size`` does not fit the backbone's stride.
    """

    VERSION = 2
    """Increased whenever the same settings begin to give other boxes; stored results record it."""

    threads: int = 1
    """CPU threads of torch in ``init`` and ``update``; the boxes depend on it, and on no other number of threads."""

    def __init__(
        self,
        extractor: FeatureExtractor,
        model: FilterModel,
        *,
        search: SearchSettings | None = None,
        motion: MotionSettings | None = None,
        scale: CorrelationScaleSettings | None = None,
        learning: CorrelationLearningSettings | None = None,
        box: BoxFollower | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self.extractor = extractor
        extractor.backbone.to(self.device)
        self.model = model
        self.search = search or SearchSettings()
        self.motion = motion or MotionSettings()
        self.scale = scale or CorrelationScaleSettings()
        self.learning = learning or CorrelationLearningSettings()
        self.box = box
        self._scale_search = ScaleSearch(self.scale)
        self._map_size = self.search.map_size(extractor.backbone.stride)
        self._window = hann2d(self._map_size, self._map_size).to(self.device)
        self._camera = CameraMotion()
        self._memory: SampleMemory | None = None

    def settings(self) -> dict[str, Any]:
        """Return the settings that determine the boxes, as JSON values; see ``tracker/settings.py``."""
        return {
            "class": type(self).__name__,
            "version": self.VERSION,
            "threads": self.threads,
            "extractor": describe(self.extractor),
            "filter": describe(self.model),
            "search": describe(self.search),
            "motion": describe(self.motion),
            "scale": describe(self.scale),
            "learning": describe(self.learning),
            "box": describe(self.box),
        }

    def twin(self) -> "CorrelationFilterTracker":
        """Another tracker of the same settings that has no target yet: it shares the networks, which never change."""
        twin = CorrelationFilterTracker(
            replace(self.extractor),
            replace(self.model),
            search=self.search,
            motion=self.motion,
            scale=self.scale,
            learning=self.learning,
            box=None if self.box is None else replace(self.box),
            device=self.device,
        )
        twin.threads = self.threads
        return twin

    @torch.inference_mode()
    @with_own_threads
    def init(self, image: Image, bbox: ArrayLike) -> None:
        """Start on a new target and forget the last one; see ``Tracker.init``."""
        height, width = check_image(image).shape[:2]
        box = check_bbox_in_frame(bbox, (width, height))
        self._center, self._size, self._growth = bbox_center(box), box[2:], 1.0
        self._first_side = self.search.side(self._size)
        cells = self._size * (self._map_size / self._first_side)
        self._usual_score = 0.0
        self._frame = self._learned = 0
        self._own_motion = TargetMotion(self.motion)
        self._camera.start(image)
        self._sigma = self.learning.output_sigma_factor * math.sqrt(cells.prod())

        region = self._region()
        seen = self._look(image, region)
        features = self.extractor.learn(seen) * self._window
        if self.box is not None:
            self.box.start(seen, region, self._center, self._size)
        self._memory = SampleMemory(
            self.learning.memory_size, torch.fft.rfft2(features)[0], self._label(region)
        )
        self.model.start(self._memory, (round(cells[1]), round(cells[0])))

    @torch.inference_mode()
    @with_own_threads
    def correct(self, image: Image, bbox: ArrayLike) -> None:
        """Go on from another box, given by someone who knows, and learn it; what was learned before is kept.

        Args:
            image: uint8 ``(H, W, 3)`` RGB, the frame that was tracked into last or another.
            bbox: ``(x, y, w, h)``, 0-based pixels, of the same target.

        Raises:
            ValueError: as ``init``.
            RuntimeError: ``init`` was not called.
        """
        memory = self._started()
        height, width = check_image(image).shape[:2]
        box = check_bbox_in_frame(bbox, (width, height))
        growth = math.sqrt(box[2:].prod() / self._size.prod())
        self._center, self._size, self._growth = bbox_center(box), box[2:] / growth, growth
        if self.box is not None:
            self.box.sure_size = box[2:]
        self._camera.start(image)
        spectrum, region = self._sample(image)
        memory.add(spectrum[0], self._label(region), CORRECTED)
        self.model.fit(memory)

    @torch.inference_mode()
    @with_own_threads
    def update(self, image: Image) -> TrackOutput:
        """Find the target in the next frame and learn from it; see ``Tracker.update``."""
        self._started()
        moved = self._camera.shift(check_image(image)) if self.predicts else np.zeros(2)
        region = self.search_region(image, moved)
        return decide_together([self], image, [region], self._look(image, region))[0]

    @property
    def predicts(self) -> bool:
        """Whether the camera's motion matters to it."""
        return self.motion.predict_from is not None

    def search_region(self, image: Image, moved: Floats) -> SearchRegion:
        """Choose where the target is looked for in the next frame: the first part of ``update``.

        Args:
            image: uint8 ``(H, W, 3)`` RGB.
            moved: how far the picture moved since the last frame, ``(x, y)`` in pixels.

        Raises:
            RuntimeError: ``init`` was not called.
        """
        self._started()
        self._before = self._center
        step = self._own_motion.step(moved, self._size * self._growth)
        self._center = np.clip(self._center + step, 0, _corner(image))
        return self._region()

    def find(self, region: SearchRegion, seen: torch.Tensor) -> Found:
        """Begin with the next frame: find the filter's peak in what is seen of the search region."""
        spectrum = self._spectrum(seen)
        response = self.model.response(spectrum, self._started().size_hw)
        values = response[0, 0].cpu().numpy()
        peak = find_peak(values)
        self._frame += 1
        self._usual_score = self._usual_score or peak.score
        sure = peak.score >= self.learning.update_gate * self._usual_score
        return Found(region, seen, spectrum, response, peak, psr(values), sure)

    def follow(self, image: Image, found: Found, boxes: BoxMap | None = None) -> TrackOutput:
        """Move to the peak and follow the size, by the box head or a search when it is due."""
        peak, region = found.peak, found.region
        seen_at_all = peak.score >= NOISE * self._usual_score
        if seen_at_all:
            self._follow(image, found, boxes)
        self._own_motion.saw(self._center - self._before if seen_at_all else None)
        self._usual_score += SCORE_RATE * (peak.score - self._usual_score)
        return TrackOutput(
            bbox=bbox_from_center(self._center, self._size * self._growth),
            score=peak.score,
            psr=found.psr,
            lost=not peak.score >= self.search.lost_score,
            response=found.response,
            response_bbox=self._response_bbox(region),
        )

    def learn(self, image: Image, found: Found) -> None:
        """Learn from the frame if the peak is clear and it is time to."""
        if not found.sure or self._frame - self._learned < self.learning.update_interval:
            return
        self._learned = self._frame
        moved = np.abs(found.peak.displacement).max() > self.learning.reuse_within
        spectrum, region = self._sample(image) if moved else (found.spectrum, found.region)
        memory = self._started()
        memory.add(spectrum[0], self._label(region), self.learning.interp_factor)
        self.model.fit(memory)

    def _started(self) -> SampleMemory:
        if self._memory is None:
            raise RuntimeError(NOT_STARTED)
        return self._memory

    def _follow(self, image: Image, found: Found, boxes: BoxMap | None) -> None:
        region, corner = found.region, _corner(image)
        cell = region.side / self._map_size
        self._center = np.clip(region.center + found.peak.displacement * cell, 0, corner)
        if self.box is not None:
            size = self._size * self._growth
            boxes = self.box.look(found.seen) if boxes is None else boxes
            center, followed = self.box.follow(boxes, region, self._center, size, found.sure)
            self._center = np.clip(center, 0, corner)
            self._resize(followed / size, image)
        elif self._frame % self.scale.scale_interval == 0:
            self._rescale(image)

    def _region(self) -> SearchRegion:
        return SearchRegion.around(self._center, self._first_side * self._growth, self.search.crop_size)

    def _look(self, image: Image, region: SearchRegion) -> torch.Tensor:
        """Extract the backbone's features of a region, float32 ``(1, channels, h, w)``."""
        return self.extractor.backbone(to_tensor([crop(image, region)], self.device))

    def _spectrum(self, seen: torch.Tensor) -> torch.Tensor:
        """Transform features of a region to the spectrum ``(1, C, h, w//2+1)`` used for both search and learning."""
        return torch.fft.rfft2(self.extractor.standardise(seen) * self._window)

    def _label(self, region: SearchRegion) -> torch.Tensor:
        """Make the label of the target, whose centre lies off the region's centre of whole pixels."""
        dx, dy = (self._center - region.center) * (self._map_size / region.side)
        size = (self._map_size, self._map_size)
        return gaussian_label(size, self._sigma, (dy, dx), device=self.device)

    def _response_bbox(self, region: SearchRegion) -> Floats:
        """Compute the image area of the response; zero displacement, at ``h//2``, lies on the region's centre."""
        cell = region.side / self._map_size
        corner = region.center - (self._map_size // 2 + 0.5) * cell + 0.5
        return np.array([*corner, region.side, region.side])

    def _rescale(self, image: Image) -> None:
        cell = self._first_side * self._growth / self._map_size
        factor = self._scale_search.search(
            image, self._center, cell, self.model, self.extractor, self._window
        )
        self._resize(np.array([factor, factor]), image)

    def _resize(self, factors: Floats, image: Image) -> None:
        """Change width and height by factors ``(2,)``: growth by their geometric mean, the shape by their ratio."""
        across, down = np.sqrt(factors)
        self._size = self._size * (across / down, down / across)
        frame_wh = image.shape[1], image.shape[0]
        self._growth = bounded_scale(self._growth * float(across * down), self._size, frame_wh)

    def _sample(self, image: Image) -> tuple[torch.Tensor, SearchRegion]:
        region = self._region()
        return self._spectrum(self._look(image, region)), region


def decide_together(
    trackers: Sequence[CorrelationFilterTracker],
    image: Image,
    regions: Sequence[SearchRegion],
    seen: torch.Tensor,
    boxes: BoxMap | None = None,
) -> list[TrackOutput]:
    """Find targets in what is seen of their search regions, and learn from it: the second half of ``update``.

    Step by step, not target by target: the second target finds a step's code and constants in the caches.

    Args:
        trackers: of the same settings.
        image: uint8 ``(H, W, 3)`` RGB.
        regions: of their ``search_region``.
        seen: the backbone's features of their crops, float32 ``(B, channels, h, w)``.
        boxes: what the box head says of them, where it was asked already.
    """
    found = [tracker.find(*one) for tracker, *one in zip(trackers, regions, seen.split(1), strict=True)]
    said = [None if boxes is None else boxes.only(index) for index in range(len(trackers))]
    outputs = [
        tracker.follow(image, one, box) for tracker, one, box in zip(trackers, found, said, strict=True)
    ]
    for tracker, one in zip(trackers, found, strict=True):
        tracker.learn(image, one)
    return outputs


def _corner(image: Image) -> Floats:
    """Return the last pixel's ``(x, y)``."""
    return np.array([image.shape[1] - 1, image.shape[0] - 1], np.float64)
