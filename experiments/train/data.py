"""The dataset of training pairs that the settings describe."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from data.pairs.held_out import HeldOut
from data.registry import nearest
from experiments.config_file import expand
from experiments.train.settings import DataSettings

if TYPE_CHECKING:
    from data.datasets.clip import Clip
    from data.pairs.dataset import PairDataset
    from data.pairs.sources import PairSource

SUBSETS = {
    "folder": None,
    "got10k": "train",
    "imagenet-vid": "train",
    "lasot": "train",
    "trackingnet": "train",
}
"""Datasets of clips to train on -> the part of each that is for training."""

SOURCE_KINDS = (*SUBSETS, "coco", "images", "shards", "synthetic")


class SourceName(NamedTuple):
    """A source as the command line names it."""

    kind: str
    root: str
    weight: float


def parse_source(text: str) -> SourceName:
    """Take ``KIND:ROOT`` or ``KIND:ROOT:WEIGHT`` apart; a root may hold colons itself.

    >>> parse_source("shards:https://host:8080/got10k/manifest.json:0.5")
    SourceName(kind='shards', root='https://host:8080/got10k/manifest.json', weight=0.5)

    Raises:
        ValueError: The kind is unknown, the root is missing, or the weight is negative.
    """
    kind, _, rest = text.partition(":")
    if kind not in SOURCE_KINDS:
        raise ValueError(
            f"unknown kind of source '{kind}' in '{text}': {nearest(kind, SOURCE_KINDS)}choices are "
            f"{', '.join(SOURCE_KINDS)}"
        )
    root, _, last = rest.rpartition(":")
    try:
        weight = float(last)
    except ValueError:
        root, weight = rest, 1.0
    if not root and kind != "synthetic":
        raise ValueError(f"source '{text}' needs a root: expected {kind}:ROOT or {kind}:ROOT:WEIGHT")
    if not 0 <= weight < float("inf"):
        raise ValueError(f"weight of source '{text}' must be 0 or more, got {weight:g}")
    return SourceName(kind, expand(root), weight)


def build_pairs(
    options: DataSettings, held_out: HeldOut | None = None, *, length: int, seed: int = 0
) -> "PairDataset":
    """Build the dataset of training pairs.

    Args:
        options: Its settings.
        held_out: Clips that are not trained on, whatever source has them; their names are noted there.
        length: Number of pairs.
        seed: Chooses the pairs.

    Raises:
        ValueError: A setting is wrong, or a dataset holds broken sequences and ``on_error`` is ``stop``.
        OSError: Something does not exist or cannot be read.
    """
    from data.pairs.dataset import PairDataset

    named = [parse_source(text) for text in options.sources or ("synthetic",)]
    return PairDataset(
        [(_build_source(name, options, held_out or HeldOut()), name.weight) for name in named],
        length,
        crop_size=options.crop_size,
        search_area_scale=options.search_area_scale,
        seed=seed,
        on_error=options.on_error,
    )


def _build_source(name: SourceName, options: DataSettings, held_out: HeldOut) -> "PairSource":
    from data.pairs.coco import read_coco
    from data.pairs.shards import ShardClips
    from data.pairs.sources import ClipSource, StillSource, SyntheticSource

    jitter = options.clip_jitter
    of_stills: dict[str, Any] = {"background": options.background, "jitter": options.still_jitter}
    if name.kind == "synthetic":
        return SyntheticSource(jitter=jitter)
    if name.kind in ("images", "coco"):
        read = StillSource.of_folder if name.kind == "images" else read_coco
        stills = read(name.root, **of_stills)
        return stills.without(held_out.has_image) if held_out else stills
    if name.kind == "shards":
        clips = ShardClips.open(name.root)
        if held_out:
            clips = clips.without(held_out.has_first)
        _warn_of_narrow_crops(name.root, clips.context, options.search_area_scale + 2 * jitter.shift)
        return ClipSource(clips, options.max_gap, jitter)
    sequences = read_training_set(name.kind, name.root, skip_broken=options.on_error == "skip")
    kept = [sequence for sequence in sequences if not held_out.has_clip(sequence)]
    return ClipSource.of(kept, max_gap=options.max_gap, jitter=jitter)


def _warn_of_narrow_crops(root: str, context: float, needed: float) -> None:
    if context < needed:
        print(
            f"warning: the crops in shards {root} are {context:g} target sizes wide, training takes about "
            f"{needed:g}: their border is repeated beyond; prepare them anew with --context {needed + 0.5:g}",
            file=sys.stderr,
        )


def read_training_set(kind: str, root: str | Path, *, skip_broken: bool) -> "tuple[Clip, ...]":
    """The sequences of a dataset's training part.

    Args:
        kind: One of `SUBSETS`.
        root: Its folder.
        skip_broken: Leave broken sequences out and say so on stderr, instead of raising.
    """
    from data.datasets.by_name import load_dataset

    dataset = load_dataset(kind, root, SUBSETS[kind])
    if dataset.broken:
        name, reason = next(iter(dataset.broken.items()))
        text = f"{len(dataset.broken)} sequences of {kind} in {root} are broken, the first: {name}: {reason}"
        if not skip_broken:
            raise ValueError(f"{text}; repair them, or leave them out with on-error skip")
        print(f"{text}; they are left out", file=sys.stderr)
    return dataset.sequences
