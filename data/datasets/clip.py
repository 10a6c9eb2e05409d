"""An annotated clip: frames on disk and the target's box in each of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.files import check_name
from data.images import read_image, read_images


@dataclass(frozen=True)
class Clip:
    """Frames on disk and the target's box in each of them.

    Attributes:
        name: Name of the sequence; of a folder with several targets ``Jogging.1``, ``Jogging.2``. Files of results
            are called after it: it is checked by `data.files.check_name`.
        paths: Image file of each frame; empty where only the boxes are at hand (a JSON file of annotations).
        bboxes: float64 ``(N, 4)`` x, y, w, h in pixels, 0-based; a row of NaN where the target is absent.
        attributes: Challenges of the sequence, e.g. ``("IV", "OCC")``.
        unannotated: Number of images at the end that were left out because they have no box.
        frame_wh: Width and height of the frames in pixels where the dataset states them, else None.
        corners: float64 ``(N, 8)``, x, y of the four corners of turned boxes, 0-based; None where all are upright.
        tags: Attribute -> bool ``(N,)``, whether it holds in each frame, where the dataset says so (VOT).
        not_started_in: Index of the first and the last frame of each stretch in which TRE starts no run.
        object_class: What the target is, e.g. ``anteater``, where the dataset says it.
    """

    name: str
    paths: tuple[Path, ...]
    bboxes: NDArray[np.float64]
    attributes: tuple[str, ...] = ()
    unannotated: int = 0
    frame_wh: tuple[int, int] | None = None
    corners: NDArray[np.float64] | None = None
    not_started_in: tuple[tuple[int, int], ...] = ()
    object_class: str = ""
    tags: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name(self.name, "a sequence")
        frames = len(self.paths) or len(self.bboxes)
        if self.bboxes.shape != (frames, 4):
            raise ValueError(
                f"bboxes of {self.name} must have a row of 4 for each of its {frames} frames, "
                f"got shape {self.bboxes.shape}"
            )

    def __len__(self) -> int:
        return len(self.bboxes)

    @property
    def is_public(self) -> bool:
        """Whether more than the first box is known; of test sets a server keeps the rest."""
        return bool(np.isfinite(self.bboxes[1:]).any())

    @property
    def regions(self) -> NDArray[np.float64]:
        """Corners ``(N, 8)`` where the target's box is turned, else boxes ``(N, 4)``; 0-based."""
        return self.bboxes if self.corners is None else self.corners

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Read the frames one by one as uint8 RGB ``(H, W, 3)``."""
        return read_images(self.paths, f"images of {self.name}")

    def read_frame_wh(self) -> tuple[int, int]:
        """Return width and height of the frames: as the dataset states them, or of the first image.

        Raises:
            OSError: The image cannot be read.
            ValueError: There are no frames.
        """
        if self.frame_wh is not None:
            return self.frame_wh
        if not self.paths:
            raise ValueError(f"sequence {self.name} has no frames: --root must be the dataset's own folder")
        height, width = read_image(self.paths[0]).shape[:2]
        return width, height

    @classmethod
    def matched(
        cls, name: str, paths: Sequence[Path], bboxes: NDArray[np.float64], source: Path, **more: Any
    ) -> "Clip":
        """Pair frames and boxes one by one; frames beyond the last box are left out and counted.

        Args:
            name: Name of the sequence.
            paths: Image files in order; the first box belongs to the first.
            bboxes: ``(N, 4)``, 0-based.
            source: File of the boxes, for the message.
            more: Further attributes of the clip.

        Raises:
            ValueError: There is no box, or there are more boxes than images.
        """
        if not 0 < len(bboxes) <= len(paths):
            raise ValueError(
                f"{source} holds {len(bboxes)} boxes for {len(paths)} images: expected 1 to {len(paths)} boxes"
            )
        kept = tuple(paths[: len(bboxes)])
        return cls(name, kept, bboxes, unannotated=len(paths) - len(bboxes), **more)


def frame_tags(values: Iterable[object], frames: int) -> NDArray[np.bool_]:
    """Read the lines of a tag file of VOT as bool ``(frames,)``: ``1`` where it holds, and not after the last line."""
    held = [str(value).strip() == "1" for value in values][:frames]
    return np.array(held + [False] * (frames - len(held)), dtype=np.bool_)
