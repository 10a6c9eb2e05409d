"""Validation by tracking: the score that decides which weights are the best."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from data.boxes import frames_with_box
from data.datasets.by_name import load_dataset
from data.datasets.clip import Clip
from data.synthetic.scene import SyntheticSequence
from data.synthetic.sequence import synthetic_sequence
from experiments.scoring.metrics import Score, score
from experiments.trackers.follow import follow
from experiments.train.processes import Processes
from experiments.train.settings import ValidationSettings
from tracker import Tracker, load_tracker
from tracker.network.regression_net import RegressionNet

HELD_OUT_SEED = 1_000_000
"""Synthetic clips from this seed on are for validation; training takes those near 0."""

CHALLENGES = ((), ("SV",), ("IPR",), ("OCC",), ("BC", "DEF"), ("MB", "FM"))
"""What the synthetic validation clips hold, in turns."""


def read_clips(roots: Sequence[str], names: Sequence[str] = ()) -> list[Clip]:
    """Annotated clips of ``DATASET:ROOT`` each; clips of one name are called ``NAME@N`` by the number of their root.

    Args:
        roots: to read; one that is given twice is read once.
        names: only the clips of these names; without any all.

    Raises:
        ValueError: an entry of another form, an unknown dataset, or a name that no clip has.
        FileNotFoundError: a root that does not exist or holds no clip.
    """
    found: list[tuple[int, Clip]] = []
    for number, entry in enumerate(dict.fromkeys(roots), 1):
        dataset, colon, root = entry.partition(":")
        if not colon:
            raise ValueError(f"clips must be given as DATASET:ROOT, e.g. folder:/data/clips, got {entry!r}")
        found += [(number, clip) for clip in load_dataset(dataset, Path(root).expanduser())]
    count = Counter(clip.name for _, clip in found)
    named = [
        (clip, {clip.name, full := f"{clip.name}@{number}"}, full if count[clip.name] > 1 else clip.name)
        for number, clip in found
    ]
    if unknown := set(names).difference(*(answers_to for _, answers_to, _ in named)):
        raise ValueError(f"no clip of {', '.join(roots)} is called {', '.join(sorted(unknown))}")
    return [
        replace(clip, name=name)
        for clip, answers_to, name in named
        if not names or not answers_to.isdisjoint(names)
    ]


def validation_clips(options: ValidationSettings) -> list[Clip | SyntheticSequence]:
    """The clips to track: of the roots, or synthetic ones where there is no root.

    Raises:
        ValueError: a name that is none of the clips'.
    """
    if options.clips:
        return list(read_clips(options.clips, options.names))
    return [held_out_sequence(number, options.frames) for number in range(options.synthetic)]


def held_out_sequence(number: int, frames: int) -> SyntheticSequence:
    """One of the synthetic sequences that training never sees, with the challenges whose turn it is."""
    attributes = CHALLENGES[number % len(CHALLENGES)]
    return synthetic_sequence(HELD_OUT_SEED + number, frames, attributes=attributes)


def track_clip(
    tracker: Tracker, clip: Clip | SyntheticSequence, frames: int, bbox: ArrayLike | None = None
) -> Score:
    """Score a tracker under got10k's rules on the first frames of a clip from the first that has the target.

    Args:
        tracker: to be tested.
        clip: to follow.
        frames: of it, at most.
        bbox: to start from, 0-based; None for the true one.
    """
    first = int(frames_with_box(clip.bboxes)[0])
    truth = clip.bboxes[first : first + frames]
    images = islice(clip.frames(), first, first + frames)
    steps = follow(tracker, images, truth[0] if bbox is None else bbox)
    return score([step.output.bbox for step in steps], truth)


class TrackingScore:
    """Tracks clips with a network's weights; each process takes its share of them."""

    def __init__(self, clips: Sequence[Clip | SyntheticSequence], frames: int, processes: Processes) -> None:
        self._clips, self._frames, self._processes = clips, frames, processes

    def __call__(self, net: RegressionNet) -> dict[str, float]:
        """``{"ao": mean over the clips}``; all processes must ask, and all get the same."""
        tracker = load_tracker(net, device=self._processes.device, runtime="torch")
        share = self._clips[self._processes.rank :: self._processes.world_size]
        mine = [track_clip(tracker, clip, self._frames).ao for clip in share]
        every = [value for values in self._processes.gather(mine) for value in values]
        return {"ao": float(np.mean(every))}
