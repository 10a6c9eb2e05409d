"""Frames a second of the trackers on a device, on a synthetic sequence."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from data.synthetic import synthetic_sequence
from experiments.scoring.timing import Timing
from experiments.trackers.follow import follow
from losses import build_loss
from tracker import list_trackers, load_tracker

SIZE_WH = (640, 480)


def measure_tracking(device: torch.device, quick: bool) -> list[dict[str, Any]]:
    """Measure each tracker: frames a second of ``update``, median and 95th percentile of a frame, ``init``."""
    sequence = synthetic_sequence(7, 8 if quick else 120, SIZE_WH, attributes=("SV", "DEF"))
    frames, bbox = list(sequence.frames()), sequence.bboxes[0]
    rows: list[dict[str, Any]] = []
    with TemporaryDirectory() as folder:
        for name, settings in _trackers(Path(folder)).items():
            registered, _, note = name.partition(" ")
            if registered not in list_trackers():
                continue
            tracker = load_tracker(registered, device=device, **settings)
            for count in (4, len(frames)):  # the first, short pass is the warm-up
                seconds = [step.seconds for step in follow(tracker, frames[:count], bbox)]
            timing = Timing.of(seconds)
            rows.append(
                {
                    "tracker": name,
                    "fps": timing.fps,
                    "median ms": timing.median_ms,
                    "95 % ms": timing.p95_ms,
                    "init ms": 1e3 * seconds[0],
                    "note": note,
                }
            )
    return rows


def _trackers(folder: Path) -> dict[str, dict[str, Any]]:
    """Name, and a note after a space -> settings. VGG-16's weights are random, which does not change the speed."""
    weights = folder / "vgg16.safetensors"
    write_vgg16(weights)
    criterion = build_loss("shrinkage", reduction="sum")
    paper = {"criterion": criterion, "backbone": "vgg16", "weights": str(weights)}
    return {"fast": {}, "accurate": {}, "hog": {}, "dslt-paper with VGG-16's size": paper}


def write_vgg16(file: Path) -> None:
    """Write random weights of VGG-16's layers up to conv5_3 under torchvision's names (He et al. 2015)."""
    from safetensors.torch import save_file

    from tracker.backbones.vgg import STAGES

    tensors: dict[str, Tensor] = {}
    generator, place, channels = torch.Generator().manual_seed(0), 0, 3
    for convolutions, width in STAGES:
        for _ in range(convolutions):
            weight = torch.empty(width, channels, 3, 3)
            nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)
            tensors |= {f"features.{place}.weight": weight, f"features.{place}.bias": torch.zeros(width)}
            place, channels = place + 2, width
        place += 1  # the pool
    save_file(tensors, file)
