"""Measures of response maps that no loss has a stake in, and maps as text."""

import base64
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from data.boxes import Floats, bbox_center
from data.pairs.dataset import PairBatch
from tracker.network.regression_net import RegressionNet


class Peaks(NamedTuple):
    """Where responses peak, measured from the target's centre.

    Attributes:
        distance: float64 ``(N,)``, in ``sqrt(w h)`` of the target.
        hit: bool ``(N,)``, the peak lies on the target's box.
    """

    distance: Floats
    hit: NDArray[np.bool_]

    @classmethod
    def of(cls, peaks: ArrayLike, bboxes: ArrayLike) -> "Peaks":
        """Peaks ``(N, 2)`` x, y and true boxes ``(N, 4)``, in the same pixels."""
        boxes = np.asarray(bboxes, np.float64)
        offset = np.asarray(peaks, np.float64) - bbox_center(boxes)
        distance = np.hypot(*offset.T) / np.sqrt(boxes[:, 2] * boxes[:, 3])
        return cls(distance, np.all(np.abs(offset) < boxes[:, 2:] / 2, axis=1))

    def means(self) -> dict[str, float]:
        """``peak_distance`` and ``hit_rate``."""
        return {"peak_distance": float(self.distance.mean()), "hit_rate": float(self.hit.mean())}


@torch.no_grad()
def respond(net: RegressionNet, batch: PairBatch) -> tuple[Peaks, NDArray[np.float32]]:
    """Peaks and response maps ``(N, h, w)`` of a network on pairs."""
    device = next(net.parameters()).device
    template, search = batch.template.to(device).float(), batch.search.to(device).float()
    response = net(template, batch.template_bbox.to(device), search).response
    peaks = Peaks.of(peak_pixels(response, net.stride).cpu().numpy(), batch.search_bbox.numpy())
    return peaks, response[:, 0].cpu().numpy()


def peak_pixels(response: Tensor, stride: int) -> Tensor:
    """Where responses ``(B, 1, h, w)`` of search crops peak: ``(B, 2)``, x and y in crop pixels."""
    height, width = response.shape[-2:]
    index = response.flatten(1).argmax(1)
    displacement = torch.stack([index % width - width // 2, index // width - height // 2], dim=1) * stride
    return displacement + torch.tensor([width * stride - 1, height * stride - 1], device=response.device) / 2


def encode_map(response: NDArray[Any]) -> dict[str, Any]:
    """A map in a few letters of text: over its own largest value, in steps of a hundredth, cut off below -1."""
    top = max(float(response.max()), 1e-9)
    small = np.clip(np.rint(100 * response / top), -100, 100).astype(np.int8)
    return {"shape": list(small.shape), "hundredths": base64.b64encode(small.tobytes()).decode("ascii")}


def decode_map(record: dict[str, Any]) -> NDArray[np.float32]:
    """The map that `encode_map` wrote, its largest value 1."""
    values = np.frombuffer(base64.b64decode(record["hundredths"]), np.int8)
    return (values.reshape(record["shape"]) / 100).astype(np.float32)
