"""What training pairs are made of, as settings; and the dataset that they describe."""

import difflib
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

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


@dataclass(kw_only=True)
class JitterConfig:
    """How the search crop differs from one that is centred on the target and scaled to it."""

    shift: float = 0.6
    """Largest displacement either way along each axis, in sqrt(w h) of the target."""

    scale: float
    """Standard deviation of the logarithm of the crop's side."""

    aspect: float
    """Standard deviation of the logarithm of the crop's width over its height."""

    flip: float = 0.5
    """Probability that both crops are mirrored."""


@dataclass(kw_only=True)
class DataConfig:
    """What training pairs are made of."""

    sources: tuple[str, ...] = ()
    """KIND:ROOT or KIND:ROOT:WEIGHT, e.g. got10k:/data/got10k:2. Kinds: folder (any tree in OTB's layout), got10k,
    imagenet-vid, lasot, trackingnet, coco (an annotation file), images (a folder), shards (what prepare wrote,
    path or URL), synthetic (no root). Weights (default 1) share the pairs out. With none, synthetic sequences."""

    crop_size: int = 128
    """Side of template and search crops in pixels."""

    search_area_scale: float = 3.0
    """Side of the crops in sqrt(w h) of the target."""

    max_gap: int = 100
    """Largest distance between the two frames of a pair, in frames."""

    clip_jitter: JitterConfig = field(default_factory=lambda: JitterConfig(scale=0.06, aspect=0.05))
    """Jitter of pairs from clips."""

    still_jitter: JitterConfig = field(default_factory=lambda: JitterConfig(scale=0.1, aspect=0.1))
    """Jitter of pairs from still images, where it is all the motion there is."""

    background: float = 0.35
    """Share of the pairs from still images whose target is pasted on another image."""

    on_error: Literal["stop", "skip"] = "stop"
    """What an image that cannot be read does: stop the training, or be skipped and reported."""

    workers: int = 2
    """Processes that read and crop."""

    context: Literal["fork", "spawn", "forkserver"] | None = None
    """How these are started; by default the system's usual way."""


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
        near = difflib.get_close_matches(kind, SOURCE_KINDS, 1, 0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ValueError(
            f"unknown kind of source '{kind}' in '{text}': {hint}choices are {', '.join(SOURCE_KINDS)}"
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
    return SourceName(kind, root, weight)


def build_pairs(
    options: Mapping[str, Any], held_out: Collection[Path] = (), *, length: int, seed: int = 0
) -> "PairDataset":
    """Build the dataset of training pairs.

    Args:
        options: What it is made of, as the fields of `DataConfig` (``dataclasses.asdict``).
        held_out: First frames of clips that must not be trained on.
        length: Pairs in an epoch.
        seed: Chooses the pairs.

    Raises:
        ValueError: A setting is wrong, or a dataset holds broken sequences and ``on_error`` is ``stop``.
        OSError: Something does not exist or cannot be read.
    """
    from data.pairs.dataset import PairDataset

    named = [parse_source(text) for text in options["sources"] or ("synthetic",)]
    return PairDataset(
        [(_build_source(name, options, held_out), name.weight) for name in named],
        length,
        crop_size=options["crop_size"],
        search_area_scale=options["search_area_scale"],
        seed=seed,
        on_error=options["on_error"],
    )


def _build_source(name: SourceName, options: Mapping[str, Any], held_out: Collection[Path]) -> "PairSource":
    from data.pairs.coco import read_coco
    from data.pairs.jitter_geometry import GeometricJitter
    from data.pairs.shards import ShardClips
    from data.pairs.sources import ClipSource, StillSource, SyntheticSource

    jitter = GeometricJitter(**options["clip_jitter"])
    of_stills = {"background": options["background"], "jitter": GeometricJitter(**options["still_jitter"])}
    if name.kind == "synthetic":
        return SyntheticSource(jitter=jitter)
    if name.kind == "images":
        return StillSource.of_folder(name.root, **of_stills)
    if name.kind == "coco":
        return read_coco(name.root, **of_stills)
    if name.kind == "shards":
        clips = ShardClips.open(name.root)
        _warn_of_narrow_crops(name.root, clips.context, options["search_area_scale"] + 2 * jitter.shift)
        return ClipSource(clips, options["max_gap"], jitter)
    sequences = read_training_set(name.kind, name.root, skip_broken=options["on_error"] == "skip")
    kept = [sequence for sequence in sequences if sequence.paths[0] not in held_out]
    return ClipSource.of(kept, max_gap=options["max_gap"], jitter=jitter)


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
