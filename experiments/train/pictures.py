"""Pictures of a training batch for TensorBoard, all RGB uint8 ``(H, W, 3)``."""

import numpy as np
from numpy.typing import NDArray

from data.boxes import Image
from data.pairs.dataset import PairBatch
from experiments.drawing.frames import colour_map, draw_bbox
from experiments.drawing.palette import GREEN
from experiments.train.objective import Outcome

SHOWN = 4
"""Pairs of a batch that are shown."""


def crops_with_boxes(batch: PairBatch) -> Image:
    """Templates above, search crops below, as the loader gave them, each with the target's box."""
    rows = [
        [
            _boxed(image, box)
            for image, box in zip(images[-SHOWN:].numpy(), boxes[-SHOWN:].numpy(), strict=True)
        ]
        for images, boxes in ((batch.template, batch.template_bbox), (batch.search, batch.search_bbox))
    ]
    return np.vstack([np.hstack(row) for row in rows])


def responses_beside_labels(outcome: Outcome) -> Image:
    """Predictions above, labels below, of the pairs that `crops_with_boxes` shows."""
    rows = [
        np.hstack([_enlarged(colour_map(one[0])) for one in maps[-SHOWN:].float().cpu().numpy()])
        for maps in (outcome.prediction, outcome.label)
    ]
    return np.vstack(rows)


def _boxed(image: NDArray[np.uint8], bbox: NDArray[np.float32]) -> Image:
    picture = np.ascontiguousarray(image.transpose(1, 2, 0))
    draw_bbox(picture, bbox, GREEN)
    return picture


def _enlarged(image: Image, times: int = 4) -> Image:
    return image.repeat(times, axis=0).repeat(times, axis=1)
