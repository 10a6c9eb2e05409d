"""Deep regression tracking with any regression loss: the method of DSLT (Lu et al., ECCV 2018)."""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from data.boxes import Floats, bbox_center, bbox_from_center, check_bbox_in_frame
from data.crop import SearchRegion, crop
from data.labels import gaussian_label
from tracker.base import NOT_STARTED, Image, TrackOutput, check_image
from tracker.checks import not_negative, one_of, positive, share, whole
from tracker.features import to_tensor
from tracker.levels import TwoLevelFeatures
from tracker.response import SCORE_RATE, find_peak, psr
from tracker.scale import ScaleSearch, ScaleSettings
from tracker.search_area import SearchSettings, bounded_scale, middle
from tracker.settings import describe
from tracker.solvers import Regression, Solver, correlate, padded_spectra
from tracker.solvers.memory import RecentSamples
from tracker.threads import with_own_threads

BLURS = (10.0, 5.0, 1.0, 0.1)
FLIPS = 3
"""The released code's images of frame 1: blurred by 5x5 Gaussians of these sigmas, and mirrored copies."""


@dataclass(frozen=True)
class _Filter:
    """The fitted filter and its position on the map."""

    weights: Tensor
    support: tuple[slice, slice]
    padding_hw: tuple[int, int]


PADDINGS = ("same", "valid")


@dataclass(frozen=True)
class DSLTResponseSettings:
    """Settings of the response map and of the displacement read from its peak.

    Attributes:
        padding: ``same``: a response at every cell of the map, with features of zero beyond it; ``valid``:
            only where the whole filter fits, as in the released code.
        motion_sigma_factor: standard deviation of the motion prior over the target's width and height, > 0;
            ECCV 2018: .65.
        stretch: map the response over the whole search region although ``valid`` covers less of it, which
            enlarges every displacement; for parity with the released code only.

    Raises:
        ValueError: a setting outside its range.
    """

    padding: str = "same"
    motion_sigma_factor: float = 0.65
    stretch: bool = False

    def __post_init__(self) -> None:
        one_of("padding", self.padding, PADDINGS)
        positive("motion_sigma_factor", self.motion_sigma_factor)


@dataclass(frozen=True)
class DSLTScaleSettings(ScaleSettings):
    """Settings of the scale search.

    Attributes:
        scale_gate: search for the size only if the response's peak is above this.
        scale_rate: share of the measured change of size that is applied, in (0, 1].
    """

    scale_gate: float = 0.35
    scale_rate: float = 0.6

    def __post_init__(self) -> None:
        super().__post_init__()
        share("scale_rate", positive("scale_rate", self.scale_rate))


@dataclass(frozen=True)
class DSLTLearningSettings:
    """Settings of the samples, the label and the updates.

    Attributes:
        output_sigma_factor: standard deviation of the label over the target's width and height, > 0; .1 in the
            paper, .08 in the released code.
        regularisation: λ >= 0 of the ridge, for features of unit energy per cell and level.
        memory_size: number of samples kept, including frame 1's, at least 1; ECCV 2018: 7.
        first_weight: weight of frame 1 in a full memory, in (0, 1]; ``adam`` weighs all samples equally.
        update_interval: number of frames from one update to the next, at least 1.
        update_gate: learn only from frames whose response peak is at least this share of its running mean;
            0 learns from every frame, as in ECCV 2018.
        augment: also fit frame 1 to blurred and mirrored copies, as in the released code.

    Raises:
        ValueError: a setting outside its range.
    """

    output_sigma_factor: float = 0.1
    regularisation: float = 1.0
    memory_size: int = 8
    first_weight: float = 0.8
    update_interval: int = 2
    update_gate: float = 0.5
    augment: bool = False

    def __post_init__(self) -> None:
        positive("output_sigma_factor", self.output_sigma_factor)
        not_negative("regularisation", self.regularisation)
        whole("memory_size", self.memory_size, 1)
        share("first_weight", positive("first_weight", self.first_weight))
        whole("update_interval", self.update_interval, 1)
        not_negative("update_gate", self.update_gate)


class DSLTTracker:
    """Follows a target by the response of a filter over two levels of a network, learned with any loss.

    In frame 1 a filter of the target's size is fitted to a Gaussian label. In every further frame the target moves to
    the peak of response times motion prior, the size is searched, and the filter learns. Filter and map are both even
    or both odd, so that filter, label and response all have a middle cell.

    Args:
        features: backbone, reduction and fusion.
        solver: fits the filter.
        criterion: loss of response and label, with the setting ``regress``.
        search: settings of the search region and of lost targets.
        response: settings of the response map.
        scale: settings of the scale search.
        learning: settings of the samples, the label and the updates.
        device: device of features and filter.

    Raises:
        ValueError: ``crop_size`` does not fit the backbone's stride.
    """

    VERSION = 1
    """Increased whenever the same settings begin to give other boxes; stored results record it."""

    threads: int = 1
    """CPU threads of torch in ``init`` and ``update``; the boxes depend on it, and on no other number of threads."""

    def __init__(
        self,
        features: TwoLevelFeatures,
        solver: Solver,
        criterion: nn.Module,
        *,
        search: SearchSettings | None = None,
        response: DSLTResponseSettings | None = None,
        scale: DSLTScaleSettings | None = None,
        learning: DSLTLearningSettings | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        self.device = torch.device(device)
        features.backbone.to(self.device)
        self.features, self.solver, self.criterion = features, solver, criterion.to(self.device)
        self.search = search or SearchSettings()
        self.response = response or DSLTResponseSettings()
        self.scale = scale or DSLTScaleSettings()
        self.learning = learning or DSLTLearningSettings()
        self._scale_search = ScaleSearch(self.scale, context_cells=6)
        self._map_size = self.search.map_size(features.backbone.stride)
        self._memory: RecentSamples | None = None
        self._filter: _Filter

    def settings(self) -> dict[str, Any]:
        """Return the settings that determine the boxes, as JSON values; see ``tracker/settings.py``."""
        return {
            "class": type(self).__name__,
            "version": self.VERSION,
            "threads": self.threads,
            "features": describe(self.features),
            "solver": describe(self.solver),
            "criterion": describe(self.criterion),
            "search": describe(self.search),
            "response": describe(self.response),
            "scale": describe(self.scale),
            "learning": describe(self.learning),
        }

    @torch.no_grad()
    @with_own_threads
    def init(self, image: Image, bbox: ArrayLike) -> None:
        """Start on a new target and forget the last one; see ``Tracker.init``."""
        height, width = check_image(image).shape[:2]
        box = check_bbox_in_frame(bbox, (width, height))
        self._center, self._size, self._growth = bbox_center(box), box[2:], 1.0
        self._first_side = self.search.side(self._size)
        self._frame, self._usual_score = 0, 0.0
        self._place_filter(self._size[::-1] * (self._map_size / self._first_side))

        region = self._region()
        patch, label = crop(image, region), self._label(region)
        sample = self.features.start(to_tensor([patch], self.device))
        self._memory = RecentSamples(
            self.learning.memory_size, sample[0], label, self._filter.padding_hw, self.learning.first_weight
        )
        first = self.regression
        if self.learning.augment:
            first = self._augmented(first, patch, label)
        self._filter = replace(self._filter, weights=self.solver.start(first, self.kernel_hw))

    def _place_filter(self, target_hw: Floats) -> None:
        """Choose the filter's size for a target of ``target_hw`` cells, and make the maps of that size."""
        length = self._map_size
        rows, columns = (middle(int(cells), length) for cells in target_hw)
        sizes = rows.stop - rows.start, columns.stop - columns.start
        pads = [size // 2 if self.response.padding == "same" else 0 for size in sizes]
        self._filter = _Filter(torch.empty(0), (rows, columns), (pads[0], pads[1]))
        self._response_hw = (length - sizes[0] + 1 + 2 * pads[0], length - sizes[1] + 1 + 2 * pads[1])
        self._sigma_hw = self.learning.output_sigma_factor * target_hw
        prior_sigma = self.response.motion_sigma_factor * target_hw
        self._prior = gaussian_label(
            self._response_hw, (float(prior_sigma[0]), float(prior_sigma[1])), device=self.device
        )
        self._window = torch.ones(length, length, device=self.device)

    @property
    def kernel_hw(self) -> tuple[int, int]:
        """Height and width of the filter in cells, after ``init``."""
        rows, columns = self._filter.support
        return rows.stop - rows.start, columns.stop - columns.start

    @property
    def regression(self) -> Regression:
        """The regression of the filter to the samples in the memory.

        Raises:
            RuntimeError: ``init`` was not called.
        """
        memory = self._started()
        return Regression(
            memory.features,
            memory.spectra,
            memory.labels,
            memory.weights,
            self.criterion,
            self.learning.regularisation,
            self._filter.padding_hw,
        )

    def _augmented(self, first: Regression, patch: Image, label: Tensor) -> Regression:
        """Make frame 1's regression on blurred and mirrored copies of its patch."""
        patches = [cv2.GaussianBlur(patch, (5, 5), sigma) for sigma in BLURS]
        patches += [np.ascontiguousarray(patch[:, ::-1])] * FLIPS
        images = to_tensor([np.asarray(copy, np.uint8) for copy in patches], self.device)
        labels = torch.stack([label] * len(BLURS) + [label.flip(1)] * FLIPS)[:, None]
        weights = torch.full((len(patches),), 1 / len(patches), device=self.device)
        features = self.features(images)
        spectra = padded_spectra(features, first.padding_hw)
        return replace(first, features=features, spectra=spectra, labels=labels, weights=weights)

    @torch.no_grad()
    @with_own_threads
    def update(self, image: Image) -> TrackOutput:
        """Find the target in the next frame and learn from it; see ``Tracker.update``."""
        self._started()
        height, width = check_image(image).shape[:2]
        self._frame += 1
        region = self._region()
        features = self.features(to_tensor([crop(image, region)], self.device))
        response = correlate(features, self._filter.weights, self._filter.padding_hw)
        values = response[0, 0].cpu().numpy()
        peak = find_peak((response[0, 0].clamp_min(0) * self._prior).cpu().numpy())
        score = float(values.max())

        cell = region.side / self._map_size
        gain = self._map_size / np.array(self._response_hw[::-1]) if self.response.stretch else 1.0
        self._center = np.clip(region.center + peak.displacement * cell * gain, 0, (width - 1, height - 1))
        if score > self.scale.scale_gate:
            self._rescale(image)
        self._usual_score = self._usual_score or score
        due = self._frame % self.learning.update_interval == 0
        if due and score >= self.learning.update_gate * self._usual_score:
            self._learn(image)
        self._usual_score += SCORE_RATE * (score - self._usual_score)
        return TrackOutput(
            bbox=bbox_from_center(self._center, self._size * self._growth),
            score=score,
            psr=psr(values),
            lost=not score >= self.search.lost_score,
            response=response,
            response_bbox=self._response_bbox(region),
        )

    def _started(self) -> RecentSamples:
        if self._memory is None:
            raise RuntimeError(NOT_STARTED)
        return self._memory

    def _region(self) -> SearchRegion:
        return SearchRegion.around(self._center, self._first_side * self._growth, self.search.crop_size)

    def _label(self, region: SearchRegion) -> Tensor:
        """Make the label of the target, whose centre lies off the region's centre of whole pixels."""
        dx, dy = (self._center - region.center) * (self._map_size / region.side)
        sigma = (float(self._sigma_hw[0]), float(self._sigma_hw[1]))
        return gaussian_label(self._response_hw, sigma, (dy, dx), device=self.device)

    def _response_bbox(self, region: SearchRegion) -> Floats:
        """Compute the image area of the response, whose middle cell lies on the region's centre."""
        extent = np.array(self._response_hw[::-1]) * (region.side / self._map_size)
        return bbox_from_center(region.center, extent)

    def _rescale(self, image: Image) -> None:
        cell = self._first_side * self._growth / self._map_size
        factor = self._scale_search.search(
            image, self._center, cell, self._filter, self.features, self._window
        )
        grown = self._growth * (1 + self.scale.scale_rate * (factor - 1))
        self._growth = bounded_scale(grown, self._size, (image.shape[1], image.shape[0]))

    def _learn(self, image: Image) -> None:
        region = self._region()
        features = self.features(to_tensor([crop(image, region)], self.device))
        self._started().add(features[0], self._label(region))
        weights = self.solver.update(self.regression, self._filter.weights)
        self._filter = replace(self._filter, weights=weights)
