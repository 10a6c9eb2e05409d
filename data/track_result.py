"""The result of tracking one target, the same from the command line, the live page and a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.boxes import Floats

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class TrackResult:
    """One target's boxes over the frames of a video, a row for each frame.

    Lists and other array-likes are converted. Name, frames and bboxes are required.

    Attributes:
        name: Name of the target; targets that are written together need different names.
        frames: int64 ``(N,)``, the numbers of the frames, from 0, increasing. Frames may be missing.
        bboxes: float64 ``(N, 4)``, ``(x, y, w, h)``, 0-based pixels; a row of NaN where the target is absent.
        scores: float64 ``(N,)``, the tracker's confidence; NaN where it gave none. Default: NaN everywhere.
        lost: bool ``(N,)``, the tracker does not trust its box. Default: False everywhere.
        label: Class of the target, e.g. ``person``.
        source: The video, as a file name or path; empty if unknown.
        image_names: File name of each row's frame, ``(N,)``, for a folder of images; else None.
        frame_wh: Width and height of the frames in pixels, or None.
        frame_count: Frames of the whole video; default: one more than the last of ``frames``.
        fps: Frames a second, or None.

    Raises:
        ValueError: The columns differ in length, frames do not increase, or a box is neither NaN nor finite
            with a positive width and height.
    """

    name: str
    frames: NDArray[np.int64]
    bboxes: Floats
    scores: Floats = None  # type: ignore[assignment]  # never None once built
    lost: NDArray[np.bool_] = None  # type: ignore[assignment]
    label: str = "target"
    source: str = ""
    image_names: tuple[str, ...] | None = None
    frame_wh: tuple[int, int] | None = None
    frame_count: int = 0
    fps: float | None = None

    def __post_init__(self) -> None:
        frames = np.asarray(self.frames, np.int64).reshape(-1)
        count = len(frames)
        scores = np.full(count, np.nan) if self.scores is None else np.asarray(self.scores, np.float64)
        lost = np.zeros(count, bool) if self.lost is None else np.asarray(self.lost, bool)
        bboxes = np.asarray(self.bboxes, np.float64).reshape(-1, 4)
        names = None if self.image_names is None else tuple(self.image_names)
        columns: dict[str, Sequence | NDArray] = {"bboxes": bboxes, "scores": scores, "lost": lost}
        for column, values in (columns | ({} if names is None else {"image_names": names})).items():
            if len(values) != count:
                raise ValueError(
                    f"{column} of {self.name} must have a row for each of {count} frames, got {len(values)}"
                )
        if count and (frames[0] < 0 or (np.diff(frames) <= 0).any()):
            raise ValueError(
                f"frames of {self.name} must increase from 0 or more, got {frames[:8].tolist()}…"
            )
        _check_bboxes(self.name, frames, bboxes)
        last = int(frames[-1]) + 1 if count else 0
        converted = {
            "frames": frames, "bboxes": bboxes, "scores": scores, "lost": lost, "image_names": names,
            "frame_count": max(self.frame_count, last),
        }  # fmt: skip
        for field, value in converted.items():
            object.__setattr__(self, field, value)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Bool ``(N,)``, True in rows with a box that is not lost."""
        return ~np.isnan(self.bboxes[:, 0]) & ~self.lost

    def dense(self) -> Floats:
        """Return boxes ``(frame_count, 4)`` of every frame from 0 on; NaN in frames without a row."""
        everything = np.full((self.frame_count, 4), np.nan)
        everything[self.frames] = self.bboxes
        return everything

    def to_dataframe(self) -> "pandas.DataFrame":
        """Return the rows as a pandas ``DataFrame``: name, frame, image (if known), x, y, w, h, score, lost.

        Raises:
            RuntimeError: pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError:
            raise RuntimeError(
                "to_dataframe needs pandas, which is not installed: pip install pandas"
            ) from None
        x, y, w, h = self.bboxes.T
        columns: dict[str, object] = {"name": self.name, "frame": self.frames, "image": self.image_names}
        columns |= {"x": x, "y": y, "w": w, "h": h, "score": self.scores, "lost": self.lost}
        if self.image_names is None:
            del columns["image"]
        return pandas.DataFrame(columns)


def _check_bboxes(name: str, frames: NDArray[np.int64], bboxes: Floats) -> None:
    good = np.isnan(bboxes).all(axis=1) | (np.isfinite(bboxes).all(axis=1) & (bboxes[:, 2:] > 0).all(axis=1))
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(
            f"boxes of {name} must be four finite numbers (x, y, w, h) with w, h > 0, or NaN where the target "
            f"is absent, got {bboxes[row].tolist()} in frame {frames[row]}"
        )
