"""OTB's box files: lines ``x,y,w,h``, 1-based."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.datasets.box_files import box_lines, read_bboxes
from data.formats.base import FORMATS, Format, unique_file_names
from data.track_result import TrackResult


@FORMATS.register("otb")
class Otb(Format):
    """A text file for each target: line k is frame k, ``nan,nan,nan,nan`` if the target is absent.

    Scores, lost flags and the size of the frames are not stored.
    """

    def render(self, results: Sequence[TrackResult]) -> dict[str, str]:
        """See `Format`."""
        names = unique_file_names(results)
        return {f"{name}.txt": box_lines(one.dense()) for name, one in zip(names, results, strict=True)}

    def parse(self, path: Path) -> list[TrackResult]:
        """See `Format`; of a folder, every ``*.txt`` is read."""
        files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
        if not files:
            raise ValueError(f"folder {path} holds no box file: expected *.txt, a line x,y,w,h a frame")
        return [_read(file) for file in files]


def _read(file: Path) -> TrackResult:
    bboxes = read_bboxes(file)
    return TrackResult(name=file.stem, frames=np.arange(len(bboxes)), bboxes=bboxes)
