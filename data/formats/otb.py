"""OTB's box files: ``x,y,w,h`` a line, 1-based."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.boxes import Floats, to_one_based
from data.datasets.box_files import read_bboxes
from data.formats.base import FORMATS, Format, unique_file_names
from data.track_result import TrackResult


@FORMATS.register("otb")
class Otb(Format):
    """A text file a target: line k is frame k, ``nan,nan,nan,nan`` where the target is absent.

    It holds boxes alone: no score, no lost flag, no size of the frames.
    """

    def render(self, results: Sequence[TrackResult]) -> dict[str, str]:
        """See `Format`."""
        names = unique_file_names(results)
        return {f"{name}.txt": box_lines(one.dense()) for name, one in zip(names, results, strict=True)}

    def parse(self, path: Path) -> list[TrackResult]:
        """See `Format`; of a folder every ``*.txt``."""
        files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
        if not files:
            raise ValueError(f"folder {path} holds no box file: expected *.txt, a line x,y,w,h a frame")
        return [_read(file) for file in files]


def box_lines(bboxes: Floats, digits: int = 3) -> str:
    """``(N, 4)`` 0-based boxes as the lines of a 1-based file."""
    return "".join(",".join(f"{value:.{digits}f}" for value in row) + "\n" for row in to_one_based(bboxes))


def _read(file: Path) -> TrackResult:
    bboxes = read_bboxes(file)
    return TrackResult(name=file.stem, frames=np.arange(len(bboxes)), bboxes=bboxes)
