"""Validation by tracking: the score that decides which weights are the best."""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from torch import nn

from data.datasets.clip import Clip
from data.synthetic.scene import SyntheticSequence
from experiments.scoring.metrics import score
from experiments.trackers.follow import follow
from experiments.train.checkpoints import save_weights
from experiments.train.processes import Processes
from tracker import Tracker


def average_overlap(tracker: Tracker, clip: Clip | SyntheticSequence, frames: int) -> float:
    """AO in [0, 1] of a tracker on the first ``frames`` frames of a clip from the first that has the target."""
    first = int(np.flatnonzero(np.isfinite(clip.bboxes).all(axis=1))[0])
    truth = clip.bboxes[first : first + frames]
    steps = follow(tracker, islice(clip.frames(), first, first + frames), truth[0])
    return score([step.output.bbox for step in steps], truth).ao


class TrackingScore:
    """Tracks clips with a network's weights; each process takes its share of them.

    Args:
        clips: what to track.
        frames: how many frames of each.
        processes: this process among those that train together.
        load: builds a tracker from a file of weights.
        metadata: that such a file holds.
    """

    def __init__(
        self,
        clips: Sequence[Clip | SyntheticSequence],
        frames: int,
        processes: Processes,
        load: Callable[[str], Tracker],
        metadata: Mapping[str, object],
    ) -> None:
        self._clips, self._frames, self._processes = clips, frames, processes
        self._load, self._metadata = load, metadata

    def __call__(self, net: nn.Module) -> dict[str, float]:
        """``{"ao": mean over the clips}``; all processes must ask, and all get the same."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "candidate.safetensors"
            save_weights(file, net, self._metadata)
            tracker = self._load(str(file))
            share = self._clips[self._processes.rank :: self._processes.world_size]
            mine = [average_overlap(tracker, clip, self._frames) for clip in share]
        every = [value for values in self._processes.gather(mine) for value in values]
        return {"ao": float(np.mean(every))}
