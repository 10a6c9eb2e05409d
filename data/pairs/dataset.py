"""Training pairs: crops of a template and a search region of the same target, and the target's box in each.

`PairDataset` is map-style, and pair ``index`` is a pure function of seed and index. The pairs and their order are the
same for any number of workers (forked or spawned) and ranks, and in a resumed run.
"""

import os
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Literal, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from data.boxes import Image
from data.pairs.blobs import read_blobs
from data.pairs.crops import Contents, Pair, UselessBoxError, blobs_of, render
from data.pairs.sources import PairSource, Views

_TRIES = 100  # pairs drawn in place of one before an error is raised


class PairBatch(NamedTuple):
    """A batch of training pairs; boxes are x, y, w, h in crop pixels, 0-based.

    Attributes:
        template: uint8 RGB ``(B, 3, S, S)``.
        template_bbox: float32 ``(B, 4)``.
        search: uint8 RGB ``(B, 3, S, S)``.
        search_bbox: float32 ``(B, 4)``.
        sources: Names of the images of each pair.
        skipped: Messages about pairs that could not be used; only with ``on_error="skip"``.
    """

    template: Tensor
    template_bbox: Tensor
    search: Tensor
    search_bbox: Tensor
    sources: tuple[str, ...]
    skipped: tuple[str, ...] = ()


class PairDataset(Dataset[Pair]):
    """Pairs drawn from several sources.

    Args:
        sources: Sources with their weights, in proportion to which they are drawn from.
        length: Number of pairs.
        crop_size: Side of the crops in pixels.
        search_area_scale: Side of the crops in ``sqrt(w h)`` of the target.
        seed: Chooses the pairs.
        on_error: At an image that cannot be read, ``stop`` raises the error; ``skip`` draws another pair and puts
            the error's message in ``skipped``.

    Raises:
        ValueError: A number is out of range, or there is no source.
    """

    def __init__(
        self,
        sources: Sequence[tuple[PairSource, float]],
        length: int,
        *,
        crop_size: int = 128,
        search_area_scale: float = 3.0,
        seed: int = 0,
        on_error: Literal["stop", "skip"] = "stop",
    ) -> None:
        weights = np.array([weight for _, weight in sources], np.float64)
        if not len(weights) or not (np.isfinite(weights) & (weights >= 0)).all() or not weights.sum():
            raise ValueError(
                "sources must be one or more, with weights >= 0 of which one is not 0; "
                f"got weights {weights.tolist()}"
            )
        if length < 1 or crop_size < 8 or not 1 <= search_area_scale < np.inf:
            raise ValueError(
                "length must be 1 or more, crop_size 8 or more and search_area_scale 1 or more, "
                f"got {length}, {crop_size} and {search_area_scale}"
            )
        if on_error not in ("stop", "skip"):
            raise ValueError(f"on_error must be 'stop' or 'skip', got {on_error!r}")
        self.sources = tuple(source for source, _ in sources)
        self.crop_size, self.search_area_scale = crop_size, search_area_scale
        self.seed, self.on_error = seed, on_error
        self._length, self._shares = length, np.cumsum(weights / weights.sum())

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Pair:
        """Make pair ``index``.

        Raises:
            IndexError: There is no such pair.
            OSError: An image could not be read; the message names it. Only with ``on_error="stop"``.
            ValueError: An image is damaged; the message names it. Only with ``on_error="stop"``.
            RuntimeError: A hundred pairs in a row could not be used.
        """
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Pair]:
        """Make several pairs; their images are read together, which saves time over a network."""
        generators = [self._generator(index) for index in indices]
        drawn = [self._draw(rng) for rng in generators]
        blobs = [blobs_of(views) for views in drawn]
        contents = iter(read_blobs([blob for some in blobs for blob in some]))
        found = [{blob: next(contents) for blob in some} for some in blobs]
        return [
            self._pair(rng, views, content)
            for rng, views, content in zip(generators, drawn, found, strict=True)
        ]

    def _generator(self, index: int) -> np.random.Generator:
        if not 0 <= index < self._length:
            raise IndexError(f"pair must be 0 to {self._length - 1}, got {index}")
        return np.random.default_rng([self.seed, 0, index])  # 0: the pairs that a seed has always given

    def _draw(self, rng: np.random.Generator) -> Views:
        chosen = np.searchsorted(self._shares, rng.uniform(), side="right")
        return self.sources[min(int(chosen), len(self.sources) - 1)].draw(rng)

    def _pair(self, rng: np.random.Generator, views: Views, contents: Contents) -> Pair:
        """Make a pair; if its images cannot be used, draw others from the same generator."""
        skipped: list[str] = []
        reason = ""
        for _ in range(_TRIES):
            try:
                pair = render(views, contents, rng, self.crop_size, self.search_area_scale)
                return pair._replace(skipped=tuple(skipped))
            except UselessBoxError as error:
                reason = str(error)
            except (OSError, ValueError) as error:
                if self.on_error == "stop":
                    raise
                reason = str(error)
                skipped.append(reason)
            views = self._draw(rng)
            blobs = blobs_of(views)
            contents = dict(zip(blobs, read_blobs(blobs), strict=True))
        raise RuntimeError(f"{_TRIES} pairs in a row could not be used; the last: {reason}")


class RankSampler(Sampler[list[int]]):
    """Splits the pairs into batches and each batch among the ranks; batch ``i`` does not depend on their number.

    Nothing is shuffled, because pairs are drawn at random. An incomplete last batch is left out.

    Args:
        dataset: The dataset.
        batch_size: Pairs in a batch of all ranks together.
        rank: Number of this process, from 0.
        world_size: Number of processes.
        start: First batch.

    Raises:
        ValueError: The batch cannot be split evenly, the pairs do not fill one, or a number is out of range.
    """

    def __init__(
        self, dataset: PairDataset, batch_size: int, *, rank: int = 0, world_size: int = 1, start: int = 0
    ) -> None:
        if not 0 <= rank < world_size:
            raise ValueError(f"rank must be 0 to world_size - 1 = {world_size - 1}, got {rank}")
        if batch_size < 1 or batch_size % world_size:
            raise ValueError(
                f"batch_size must be a multiple of the {world_size} processes that share it, got {batch_size}"
            )
        if len(dataset) < batch_size:
            raise ValueError(f"there must be pairs for a batch of {batch_size}, got {len(dataset)}")
        self._batch_size = batch_size
        self._share, self._rank = batch_size // world_size, rank
        self._batches = len(dataset) // batch_size
        if not 0 <= start <= self._batches:
            raise ValueError(f"start must be 0 to {self._batches} batches, got {start}")
        self._start = start

    def __len__(self) -> int:
        """Number of batches."""
        return self._batches - self._start

    def __iter__(self) -> Iterator[list[int]]:
        for batch in range(self._start, self._batches):
            first = batch * self._batch_size + self._rank * self._share
            yield list(range(first, first + self._share))


def collate(pairs: Sequence[Pair]) -> PairBatch:
    """Stack pairs; images become ``(B, 3, S, S)``."""
    return PairBatch(
        _stack([pair.template for pair in pairs]),
        torch.from_numpy(np.stack([pair.template_bbox for pair in pairs])),
        _stack([pair.search for pair in pairs]),
        torch.from_numpy(np.stack([pair.search_bbox for pair in pairs])),
        tuple(pair.source for pair in pairs),
        tuple(message for pair in pairs for message in pair.skipped),
    )


def _stack(images: Sequence[Image]) -> Tensor:
    # Several times as fast as permuting and copying, because an innermost axis of three channels is slow.
    return torch.from_numpy(np.array([cv2.split(image) for image in images]))


def build_loader(
    dataset: PairDataset,
    *,
    batch_size: int,
    rank: int = 0,
    world_size: int = 1,
    workers: int = 0,
    start_batch: int = 0,
    context: Literal["fork", "spawn", "forkserver"] | None = None,
) -> "DataLoader[PairBatch]":
    """Make the loader of one rank.

    Args:
        dataset: The dataset.
        batch_size: Pairs in a batch of all ranks together; each rank's batches hold its share of them.
        rank: Number of this process, from 0.
        world_size: Number of processes.
        workers: Processes that read and crop; 0: this process does.
        start_batch: First batch.
        context: Start method of the workers; None for the system's default.

    Raises:
        ValueError: See `RankSampler`.
    """
    sampler = RankSampler(dataset, batch_size, rank=rank, world_size=world_size, start=start_batch)
    _make_opencv_forkable()
    return DataLoader(
        dataset,  # type: ignore[arg-type]  # DataLoader's types do not know that collate changes the type
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_start_worker,
        generator=torch.Generator(),  # else each pass draws a seed from the global generator, also when resumed
        multiprocessing_context=context if workers else None,
    )


@cache
def _make_opencv_forkable() -> None:
    """End OpenCV's threads before each fork, because a child would wait for an inherited pool without end."""
    counts: list[int] = []

    def end_threads() -> None:
        counts.append(cv2.getNumThreads())
        cv2.setNumThreads(1)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=end_threads, after_in_parent=lambda: cv2.setNumThreads(counts.pop()))


def _start_worker(_number: int) -> None:
    cv2.setNumThreads(1)  # there is a worker for each core
