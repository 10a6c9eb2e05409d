"""Scale search: a small pyramid of crops around the target, scored by the filter."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.boxes import Floats
from data.crop import SearchRegion, crop, crop_batch
from tracker.backbones import Backbone
from tracker.checks import above, odd
from tracker.features import to_tensor
from tracker.response import parabola_vertex


class ScoringFilter(Protocol):
    """A filter in the middle of the map."""

    @property
    def support(self) -> tuple[slice, slice]:
        """Rows and columns of the map on which the filter may be non-zero."""

    @property
    def weights(self) -> Tensor:
        """The filter on its support, float32 ``(C, rows, columns)``."""


class Extractor(Protocol):
    """Turns images into the features to which the filter was fitted."""

    backbone: Backbone

    def __call__(self, images: Tensor) -> Tensor:
        """Extract features float32 ``(B, C, h, w)`` of RGB images ``(B, 3, H, W)`` in [0, 255]."""


@dataclass(frozen=True)
class ScaleSettings:
    """Settings of the sizes that are tried.

    Attributes:
        num_scales: number of sizes tried at a time, odd; 1 keeps the size of frame 1.
        scale_step: ratio of neighbouring sizes, > 1.
        tried_scale_step: ratio of the sizes cropped, if not ``scale_step`` (for parity with DSLT's code, whose
            samples differ by about 1.006 only, because of its padding and cropping).

    Raises:
        ValueError: a setting outside its range.
    """

    num_scales: int = 3
    scale_step: float = 1.03
    tried_scale_step: float | None = None

    def __post_init__(self) -> None:
        odd("num_scales", self.num_scales)
        above("scale_step", self.scale_step, 1)
        if self.tried_scale_step is not None:
            above("tried_scale_step", self.tried_scale_step, 1)


class ScaleSearch:
    """Measures the growth of the target by trying a few sizes at its new position.

    The score of a size is the filter's response at zero displacement, which needs features on the filter's support
    only. A parabola through the best size and its neighbours gives a fraction of a step.

    Args:
        scale: settings of the sizes.
        context_cells: cells around the filter's support that are cropped as context.
    """

    def __init__(self, scale: ScaleSettings, *, context_cells: int = 2) -> None:
        self.exponents = np.arange(scale.num_scales) - scale.num_scales // 2
        self.step = scale.scale_step
        self.tried_step = scale.scale_step if scale.tried_scale_step is None else scale.tried_scale_step
        self.context_cells = context_cells

    def search(
        self,
        image: NDArray[np.uint8],
        center: Floats,
        cell: float,
        model: ScoringFilter,
        extractor: Extractor,
        window: Tensor,
    ) -> float:
        """Return the factor by which the target has grown.

        Args:
            image: uint8 ``(H, W, 3)`` RGB.
            center: the target's new centre ``(x, y)`` in pixel-index coordinates.
            cell: side of a cell of the search map in image pixels, at the last size.
            model: the filter.
            extractor: extracts the features to which the filter was fitted.
            window: float32 ``(h, w)``, the window by which the filter's training features were multiplied.
        """
        if len(self.exponents) == 1:
            return 1.0
        cells, support = _patch_cells(model.support, window.shape[0], self.context_cells)
        factors = self.tried_step ** self.exponents.astype(np.float64)
        crops = _crops(
            image, center, cell * cells * factors, cells * extractor.backbone.stride, window.device
        )
        features = extractor(crops)[(..., *support)]
        scores = (features * (model.weights * window[model.support])).sum((1, 2, 3)).cpu().numpy()
        best = int(scores.argmax())
        exponent = float(self.exponents[best])
        if 0 < best < len(scores) - 1:
            exponent += parabola_vertex(*scores[best - 1 : best + 2].tolist())
        return self.step**exponent


def _patch_cells(
    support: tuple[slice, slice], map_cells: int, context: int
) -> tuple[int, tuple[slice, slice]]:
    """Return the side in cells of the smallest centred patch with context around ``support``, and the support in it."""
    largest = max(axis.stop - axis.start for axis in support)
    cells = min(largest + 2 * context + (map_cells - largest) % 2, map_cells)
    first = (map_cells - cells) // 2
    rows, columns = (slice(axis.start - first, axis.stop - first) for axis in support)
    return cells, (rows, columns)


def _crops(
    image: NDArray[np.uint8], center: Floats, sides: Floats, size: int, device: torch.device
) -> Tensor:
    """Cut crops ``(N, 3, size, size)`` of the given sides around one centre out of one small patch."""
    side = math.ceil(sides.max()) + 2
    # The patch has the resolution of the smallest crop, but at most that of the image.
    region = SearchRegion.around(center, side, min(side, math.ceil(side / sides.min() * size)))
    scale = region.size / region.side
    middle = torch.tensor((center - (region.x, region.y) + 0.5) * scale - 0.5, device=device)
    return crop_batch(
        to_tensor([crop(image, region)], device),
        middle.float().expand(len(sides), 2),
        torch.tensor(sides * scale, device=device).float(),
        size,
    )
