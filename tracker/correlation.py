"""The correlation-filter regression tracker: features, filter, response, localisation, on-line update."""

import math

import numpy as np
import torch
from numpy.typing import ArrayLike

from data.boxes import Floats, bbox_center, bbox_from_center, check_bbox_in_frame
from data.crop import SearchRegion, crop
from data.labels import gaussian_label
from tracker.backbones import Backbone
from tracker.base import Image, TrackOutput, check_image
from tracker.box_refiner import BoxRefiner
from tracker.features import FeatureExtractor, to_tensor
from tracker.filters import FilterModel
from tracker.filters.memory import SampleMemory
from tracker.response import Peak, find_peak, psr
from tracker.scale import ScaleSearch
from tracker.search_area import bounded_scale, check_search_area, search_side
from tracker.windows import hann2d

SCORE_RATE = 0.05
"""Rate of the running mean of the response's peak; it follows a lasting change, so that no gate stays shut."""

NOISE = 0.3
"""A peak lower than this share of its running mean is noise, as when the target is hidden: the box stays."""


class CorrelationFilterTracker:
    """Follows a target by the peak of a learned filter's response on a search region.

    Args:
        backbone: maps crops to features.
        model: the regression filter.
        crop_size: side of the resized search region in crop pixels, a multiple of the backbone's stride.
        search_area_scale: side of the search region over ``sqrt(w h)`` of the target.
        output_sigma_factor: standard deviation of the Gaussian label over ``sqrt(w h)`` of the target.
        interp_factor: on-line rate: share of the memory that each new frame takes over, in [0, 1].
        memory_size: samples kept, frame 1's among them.
        num_scales: sizes tried at a time, odd.
        scale_step: ratio of neighbouring sizes.
        scale_interval: frames from one search of the size to the next, at least 1.
        max_channels: principal components kept of each block of features, or None for all channels.
        reduction: learned linear map of the features to fewer channels, float32 ``(C', C)``; or None.
        update_gate: learn only from frames whose response peak is at least this share of its running mean, so
            that an occluder is not learned; 0 learns from every frame.
        reuse_within: a target that moved by at most so many cells is learned from the features it was found in,
            with its label where it was found, rather than from features extracted anew at its place; 0 or more.
        lost_score: a frame whose response peak is lower than this (the label's is 1) is reported as lost.
        refiner: follows width and height by a trained box head, after the scale search; or None.
        device: where features and filter live.

    Raises:
        ValueError: a setting outside its range.
    """

    def __init__(
        self,
        backbone: Backbone,
        model: FilterModel,
        *,
        crop_size: int = 200,
        search_area_scale: float = 5.0,
        output_sigma_factor: float = 0.1,
        interp_factor: float = 0.05,
        memory_size: int = 8,
        num_scales: int = 3,
        scale_step: float = 1.03,
        scale_interval: int = 2,
        max_channels: int | None = None,
        reduction: torch.Tensor | None = None,
        update_gate: float = 0.5,
        reuse_within: float = 1.0,
        lost_score: float = 0.25,
        refiner: BoxRefiner | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        check_search_area(crop_size, search_area_scale, backbone.stride)
        if not output_sigma_factor > 0:
            raise ValueError(f"output_sigma_factor must be > 0, got {output_sigma_factor}")
        if not 0 <= interp_factor <= 1:
            raise ValueError(f"interp_factor must be in [0, 1], got {interp_factor}")
        if memory_size < 1:
            raise ValueError(f"memory_size must be at least 1, got {memory_size}")
        if scale_interval < 1:
            raise ValueError(f"scale_interval must be at least 1 frame, got {scale_interval}")
        self.device = torch.device(device)
        self.extractor = FeatureExtractor(backbone.to(self.device), max_channels, reduction)
        self.model = model
        self.scale_search = ScaleSearch(num_scales, scale_step)
        self.crop_size = crop_size
        self.search_area_scale = search_area_scale
        self.output_sigma_factor = output_sigma_factor
        self.interp_factor = interp_factor
        self.memory_size = memory_size
        self.scale_interval = scale_interval
        self.update_gate = update_gate
        self.reuse_within = reuse_within
        self.lost_score = lost_score
        self.refiner = refiner
        self._map_size = crop_size // backbone.stride
        self._window = hann2d(self._map_size, self._map_size).to(self.device)
        self._memory: SampleMemory | None = None

    @torch.inference_mode()
    def init(self, image: Image, bbox: ArrayLike) -> None:
        """Start on a target, forgetting everything before.

        Args:
            image: uint8 ``(H, W, 3)`` RGB.
            bbox: ``(x, y, w, h)``, 0-based pixels.

        Raises:
            ValueError: the image is not of that form, or the box cannot be tracked in it.
        """
        height, width = check_image(image).shape[:2]
        box = check_bbox_in_frame(bbox, (width, height))
        self._center, self._size, self._scale = bbox_center(box), box[2:], 1.0
        self._first_side = search_side(self._size, self.search_area_scale)
        cells = self._size * (self._map_size / self._first_side)
        self._usual_score = 0.0
        self._frame = 0
        self._sigma = self.output_sigma_factor * math.sqrt(cells.prod())

        region = self._region()
        features = self.extractor.start(to_tensor(crop(image, region), self.device)) * self._window
        if self.refiner is not None:
            self.refiner.start(image, self._center, self._size, self.device)
        self._memory = SampleMemory(self.memory_size, torch.fft.rfft2(features)[0], self._label(region))
        self.model.start(self._memory, (round(cells[1]), round(cells[0])))

    @torch.inference_mode()
    def update(self, image: Image) -> TrackOutput:
        """Find the target in the next frame and learn from it.

        Args:
            image: uint8 ``(H, W, 3)`` RGB.

        Raises:
            RuntimeError: ``init`` was not called.
        """
        if self._memory is None:
            raise RuntimeError("update was called before init: call init(image, bbox) with the first frame")
        check_image(image)
        region = self._region()
        spectrum = self._spectrum(image, region)
        response = self.model.response(spectrum, self._memory.size_hw)
        values = response[0, 0].cpu().numpy()
        peak = find_peak(values)

        self._frame += 1
        self._usual_score = self._usual_score or peak.score
        if peak.score >= NOISE * self._usual_score:
            self._follow(image, peak, region)
        if peak.score >= self.update_gate * self._usual_score:
            moved = np.abs(peak.displacement).max() > self.reuse_within
            self._learn(self._memory, *(self._sample(image) if moved else (spectrum, region)))
        self._usual_score += SCORE_RATE * (peak.score - self._usual_score)
        return TrackOutput(
            bbox=bbox_from_center(self._center, self._size * self._scale),
            score=peak.score,
            psr=psr(values),
            lost=not peak.score >= self.lost_score,
            response=response,
            response_bbox=self._response_bbox(region),
        )

    def _follow(self, image: Image, peak: Peak, region: SearchRegion) -> None:
        """Move to the peak and, when it is due, search for the size."""
        height, width = image.shape[:2]
        cell = region.side / self._map_size
        self._center = np.clip(region.center + peak.displacement * cell, 0, (width - 1, height - 1))
        if self._frame % self.scale_interval == 0:
            self._rescale(image)

    def _region(self) -> SearchRegion:
        return SearchRegion.around(self._center, self._first_side * self._scale, self.crop_size)

    def _spectrum(self, image: Image, region: SearchRegion) -> torch.Tensor:
        """Of the region's features, complex64 ``(1, C, h, w//2+1)``: to search in and to learn from alike."""
        features = self.extractor(to_tensor(crop(image, region), self.device))
        return torch.fft.rfft2(features * self._window)

    def _label(self, region: SearchRegion) -> torch.Tensor:
        """The label of a target whose centre is a fraction of a pixel off the centre of whole pixels."""
        dx, dy = (self._center - region.center) * (self._map_size / region.side)
        size = (self._map_size, self._map_size)
        return gaussian_label(size, self._sigma, (dy, dx), device=self.device)

    def _response_bbox(self, region: SearchRegion) -> Floats:
        """The area whose cells are the response's: zero displacement, at ``h//2``, lies on the region's centre."""
        cell = region.side / self._map_size
        corner = region.center - (self._map_size // 2 + 0.5) * cell + 0.5
        return np.array([*corner, region.side, region.side])

    def _rescale(self, image: Image) -> None:
        cell = self._first_side * self._scale / self._map_size
        factor = self.scale_search.search(image, self._center, cell, self.model, self.extractor, self._window)
        if self.refiner is not None:
            across, down = self.refiner.update(image, self._center, self._size * self._scale * factor)
            factor *= math.sqrt(across * down)
            self._size = self._size * (math.sqrt(across / down), math.sqrt(down / across))
        self._scale = bounded_scale(self._scale * factor, self._size, (image.shape[1], image.shape[0]))

    def _sample(self, image: Image) -> tuple[torch.Tensor, SearchRegion]:
        """What there is to learn from around the target's new place."""
        region = self._region()
        return self._spectrum(image, region), region

    def _learn(self, memory: SampleMemory, spectrum: torch.Tensor, region: SearchRegion) -> None:
        memory.add(spectrum[0], self._label(region), self.interp_factor)
        self.model.fit(memory)
