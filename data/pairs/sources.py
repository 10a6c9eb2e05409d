"""Sources of training pairs: annotated clips, still images with or without boxes, synthetic sequences.

A source chooses two views of a target, i.e. two images and boxes. `data.pairs.dataset` reads and crops them.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from data.boxes import Floats, Image, frames_with_box
from data.datasets.clip import Clip
from data.images import is_image, natural_order
from data.pairs.blobs import Blob
from data.pairs.settings import GeometricJitter
from data.synthetic.scene import SyntheticSequence
from data.synthetic.sequence import ATTRIBUTES, synthetic_sequence


class View(NamedTuple):
    """A target in an image that is not read yet.

    Attributes:
        name: Name of the image for messages.
        bbox: float64 ``(4,)`` x, y, w, h in the image's pixels, 0-based; None: a place is chosen after reading.
        image: The blob of the image, or the image itself, uint8 RGB ``(H, W, 3)``.
        size_wh: Width and height of the image in pixels as annotated; None if unknown.
    """

    name: str
    bbox: Floats | None
    image: Blob | Image
    size_wh: tuple[int, int] | None = None


class Views(NamedTuple):
    """The views that make a pair.

    Attributes:
        template: The target in the template.
        search: The target in the search region.
        jitter: Jitter of the crop around ``search``.
        background: An image on which the target of ``search`` is pasted; None: the target keeps its background.
    """

    template: View
    search: View
    jitter: GeometricJitter
    background: View | None = None


class PairSource(Protocol):
    """A picklable source of pairs, whose choice depends on the generator only."""

    def draw(self, rng: np.random.Generator) -> Views:
        """Choose a pair."""


class PairClip(Protocol):
    """The frames of a clip in which the target has a box, at least one."""

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Numbers of these frames in the clip, ascending; int64 ``(n,)``."""

    def view(self, index: int) -> View:
        """Return the view of one of these frames."""


class PairClips(Protocol):
    """A sequence of clips: a list, or `data.pairs.shards.ShardClips`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> PairClip: ...


@dataclass(frozen=True)
class FolderClip:
    """A clip of image files, stored in few Python objects because worker processes copy them.

    Attributes:
        name: Name of the sequence.
        numbers: int64 ``(n,)``, see `PairClip`.
        bboxes: float64 ``(n, 4)``, finite.
        folder: Folder to which the names in ``files`` are relative.
        files: bytes ``(n,)``, names of the image files.
    """

    name: str
    numbers: NDArray[np.int64]
    bboxes: Floats
    folder: str
    files: NDArray[np.bytes_]

    @classmethod
    def of(cls, sequence: Clip) -> "FolderClip | None":
        """Make the clip of an annotated sequence; None if its target is always absent."""
        numbers = frames_with_box(sequence.bboxes)
        if not len(numbers):
            return None
        folder = os.path.commonpath([path.parent for path in (sequence.paths[0], sequence.paths[-1])])
        files = np.array([os.fsencode(os.path.relpath(sequence.paths[i], folder)) for i in numbers])
        return cls(sequence.name, numbers, sequence.bboxes[numbers], folder, files)

    def view(self, index: int) -> View:
        """Return the view of one of the frames."""
        file = os.fsdecode(bytes(self.files[index]))
        return View(f"{self.name}/{Path(file).name}", self.bboxes[index], Blob(f"{self.folder}/{file}"))


@dataclass(frozen=True)
class ClipSource:
    """Pairs of two frames of a clip that are not too far apart; all clips are equally likely.

    Attributes:
        clips: The clips.
        max_gap: Largest distance between the two frames, in frames.
        jitter: Jitter of the search crop.
    """

    clips: PairClips
    max_gap: int = 100
    jitter: GeometricJitter = field(default_factory=GeometricJitter)

    def __post_init__(self) -> None:
        if not len(self.clips):
            raise ValueError(
                "training clips must hold at least one frame with a box, got none that does and is not held out"
            )
        if self.max_gap < 1:
            raise ValueError(f"max_gap must be 1 or more frames, got {self.max_gap}")

    @classmethod
    def of(cls, sequences: Sequence[Clip], **settings: Any) -> "ClipSource":
        """Make the source of annotated sequences; those whose target is always absent are left out."""
        clips = [clip for sequence in sequences if (clip := FolderClip.of(sequence))]
        return cls(clips, **settings)

    def draw(self, rng: np.random.Generator) -> Views:
        """Choose a clip, a frame, and another frame near it; the same frame if there is no other."""
        clip = self.clips[int(rng.integers(len(self.clips)))]
        first = int(rng.integers(len(clip.numbers)))
        low, high = np.searchsorted(
            clip.numbers, clip.numbers[first] + np.array([-self.max_gap, self.max_gap + 1])
        )
        # one of high - low - 1 others, skipping the frame itself
        second = int(rng.integers(low, max(high - 1, low + 1)))
        second += second >= first and high - low > 1
        return Views(clip.view(first), clip.view(second), self.jitter)


@dataclass(frozen=True)
class StillSource:
    """Pairs of the same still image twice, with jitter for motion and at times another background.

    Attributes:
        folder: Folder to which the names in ``files`` are relative.
        files: bytes ``(n,)``, names of the image files.
        bboxes: float64 ``(n, 4)``, or None: each draw chooses a place in the image, see `salient_bbox`.
        background: Probability that the target of the search region is pasted on another image.
        jitter: Jitter of the search crop.
        sizes_wh: int64 ``(n, 2)``, see `View`, or None.
    """

    folder: str
    files: NDArray[np.bytes_]
    bboxes: Floats | None = None
    background: float = 0.35
    jitter: GeometricJitter = field(default_factory=lambda: GeometricJitter(scale=0.1, aspect=0.1))
    sizes_wh: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if not len(self.files):
            raise ValueError(
                f"still images must be at least one that is not held out, got none in {self.folder}"
            )
        if not 0 <= self.background <= 1:
            raise ValueError(f"background must be a probability in [0, 1], got {self.background}")

    @classmethod
    def of_folder(cls, root: str | Path, **settings: Any) -> "StillSource":
        """Make the source of all images in a folder and its sub-folders.

        Raises:
            FileNotFoundError: The folder does not exist or holds no image.
        """
        root = Path(root).absolute()
        if not root.is_dir():
            raise FileNotFoundError(f"folder of still images does not exist: {root}")
        paths = sorted((path for path in root.rglob("*") if is_image(path)), key=natural_order)
        if not paths:
            raise FileNotFoundError(f"folder {root} holds no image, nor do its sub-folders")
        names = np.array([os.fsencode(path.relative_to(root)) for path in paths])
        return cls(str(root), names, **settings)

    def without(self, unwanted: Callable[[Path], bool]) -> "StillSource":
        """Return the source without unwanted images; raises ``ValueError`` if none is left."""
        kept = np.array([not unwanted(Path(self.folder, os.fsdecode(bytes(file)))) for file in self.files])
        bboxes, sizes = (None if rows is None else rows[kept] for rows in (self.bboxes, self.sizes_wh))
        return replace(self, files=self.files[kept], bboxes=bboxes, sizes_wh=sizes)

    def draw(self, rng: np.random.Generator) -> Views:
        """Choose an image, and at times another for the background."""
        index, other = rng.integers(len(self.files), size=2)
        view = self._view(int(index))
        pasted = rng.uniform() < self.background
        return Views(view, view, self.jitter, self._view(int(other)) if pasted else None)

    def _view(self, index: int) -> View:
        file = os.fsdecode(bytes(self.files[index]))
        bbox = None if self.bboxes is None else self.bboxes[index]
        size = None if self.sizes_wh is None else (int(self.sizes_wh[index][0]), int(self.sizes_wh[index][1]))
        return View(file, bbox, Blob(f"{self.folder}/{file}"), size)


@dataclass(frozen=True)
class SyntheticSource:
    """Pairs of frames of synthetic sequences, rendered on demand.

    Attributes:
        count: Number of different sequences.
        max_gap: Largest distance between the two frames, in frames.
        jitter: Jitter of the search crop.
    """

    count: int = 64
    max_gap: int = 60
    jitter: GeometricJitter = field(default_factory=GeometricJitter)

    def draw(self, rng: np.random.Generator) -> Views:
        """Choose a sequence and two of its frames in which its target is in view."""
        sequence = _sequence(int(rng.integers(self.count)))
        visible = frames_with_box(sequence.bboxes)
        first = int(rng.choice(visible))
        second = int(rng.choice(visible[np.abs(visible - first) <= self.max_gap]))
        template, search = (
            View(f"{sequence.name}/{index}", sequence.bbox(index), sequence.frame(index))
            for index in (first, second)
        )
        return Views(template, search, self.jitter)


_LENGTH, _SIZE = 120, (240, 180)  # the target is about as large as in a crop of 128
_CHALLENGES = sorted(set(ATTRIBUTES) - {"OCC", "LR"})  # jitter_appearance adds occluders, which hide less


@lru_cache(maxsize=64)
def _sequence(number: int) -> SyntheticSequence:
    """Make one of the synthetic sequences; about half of them have up to three challenges."""
    rng = np.random.default_rng([number, 0])
    names = rng.permutation(_CHALLENGES)[: rng.integers(4) if rng.uniform() < 0.5 else 0]
    return synthetic_sequence(number, _LENGTH, _SIZE, attributes=[str(name) for name in names])


def salient_bbox(image: Image, rng: np.random.Generator) -> Floats:
    """Choose a box with texture: of eight random boxes, the box with the largest mean gradient energy.

    Args:
        image: uint8 ``(H, W, 3)``.
        rng: Source of the randomness.

    Returns:
        float64 ``(4,)`` inside the image, x, y, w, h in pixels, 0-based; ``sqrt(w h)`` lies between a tenth and a
        half of the image's shorter side, log-uniform.
    """
    candidates = 8
    height, width = image.shape[:2]
    extents = min(height, width) * np.exp(rng.uniform(np.log(0.1), np.log(0.5), candidates))
    aspects = np.exp(np.clip(rng.normal(0, 0.35, candidates), -0.9, 0.9))
    sizes = np.stack([extents * np.sqrt(aspects), extents / np.sqrt(aspects)], axis=1)
    sizes = np.clip(sizes, 1, (width, height))
    corners = rng.uniform(size=(candidates, 2)) * ((width, height) - sizes)
    step = max(min(height, width) // 64, 1)
    small = image[::step, ::step, 1].astype(np.float32)  # green approximates grey
    energy = np.zeros(small.shape, np.float32)
    energy[:, 1:] += np.diff(small, axis=1) ** 2
    energy[1:] += np.diff(small, axis=0) ** 2
    total = cv2.integral(energy)
    left, top = (corners // step).astype(int).T
    right, bottom = np.minimum(np.ceil((corners + sizes) / step).astype(int), small.shape[::-1]).T
    sums = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
    best = int(np.argmax(sums / ((right - left) * (bottom - top))))
    return np.concatenate([corners[best], sizes[best]])
