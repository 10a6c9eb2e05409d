"""Measures of response maps that no loss has a stake in, and maps as text."""

import base64
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from data.boxes import Floats, bbox_center
from data.pairs.dataset import PairBatch
from tracker.network.regression_net import RegressionNet


class Peaks(NamedTuple):
    """How far response peaks lie from the target's centre.

    Attributes:
        distance: float64 ``(N,)``, in ``sqrt(w h)`` of the target.
        hit: bool ``(N,)``: the peak lies on the target's box.
    """

    distance: Floats
    hit: NDArray[np.bool_]

    @classmethod
    def of(cls, peaks: ArrayLike, bboxes: ArrayLike) -> "Peaks":
        """Compare peaks ``(N, 2)`` x, y with true boxes ``(N, 4)``, both 0-based in the same pixels."""
        boxes = np.asarray(bboxes, np.float64)
        offset = np.asarray(peaks, np.float64) - bbox_center(boxes)
        distance = np.hypot(*offset.T) / np.sqrt(boxes[:, 2] * boxes[:, 3])
        return cls(distance, np.all(np.abs(offset) < boxes[:, 2:] / 2, axis=1))

    @classmethod
    def joined(cls, parts: Iterable["Peaks"]) -> "Peaks":
        """The peaks of all parts, one after the other."""
        return cls(*map(np.concatenate, zip(*parts, strict=True)))

    def means(self) -> dict[str, float]:
        """Mean distance and share of hits, as ``peak_distance`` and ``hit_rate``."""
        return {"peak_distance": float(self.distance.mean()), "hit_rate": float(self.hit.mean())}

    def record(self, maps: Iterable[NDArray[np.float32]]) -> dict[str, Any]:
        """The peaks and their response maps ``(h, w)`` as a result file holds them."""
        return {
            "distance": np.round(self.distance, 4).tolist(),
            "hit": self.hit.tolist(),
            "maps": [encode_map(one) for one in maps],
        }


@torch.no_grad()
def respond(net: RegressionNet, batch: PairBatch) -> tuple[Peaks, NDArray[np.float32]]:
    """The peaks and the response maps ``(N, h, w)`` of a network on pairs."""
    device = next(net.parameters()).device
    template, search = batch.template.to(device).float(), batch.search.to(device).float()
    response = net(template, batch.template_bbox.to(device), search).response
    peaks = Peaks.of(peak_pixels(response, net.stride, search.shape[-1]), batch.search_bbox.numpy())
    return peaks, response[:, 0].cpu().numpy()


def peak_pixels(response: Tensor, stride: int, crop_size: int) -> Floats:
    """The pixels at which responses ``(N, 1, h, w)`` of square search crops peak: ``(N, 2)``, x and y, 0-based.

    The map's middle cell lies on the middle of the crop.
    """
    height, width = response.shape[-2:]
    row, column = np.divmod(response.flatten(1).argmax(1).cpu().numpy(), width)
    cells = np.stack([column - width // 2, row - height // 2], axis=1)
    pixels: Floats = cells * stride + (crop_size - 1) / 2
    return pixels


def encode_map(response: NDArray[Any]) -> dict[str, Any]:
    """Encode a map as text: divided by its largest value, in hundredths, cut off below -1."""
    top = max(float(response.max()), 1e-9)
    small = np.clip(np.rint(100 * response / top), -100, 100).astype(np.int8)
    return {"shape": list(small.shape), "hundredths": base64.b64encode(small.tobytes()).decode("ascii")}


def decode_map(record: dict[str, Any]) -> NDArray[np.float32]:
    """Decode what `encode_map` wrote; the largest value is 1."""
    values = np.frombuffer(base64.b64decode(record["hundredths"]), np.int8)
    return (values.reshape(record["shape"]) / 100).astype(np.float32)
