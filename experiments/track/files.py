"""What a run of `track` leaves behind: complete files, also after Ctrl-C or a broken video."""

import math
from contextlib import ExitStack
from pathlib import Path
from typing import Self, TextIO

from data.boxes import to_one_based
from data.files import replacing
from data.video.writer import VideoWriter
from experiments.drawing.frames import annotate, overlay_response
from experiments.trackers.follow import Step

COLUMNS = ("frame", "x", "y", "w", "h", "score", "psr", "lost", "milliseconds")


class TrackFiles:
    """Writes a run into a folder frame by frame; a context manager.

    The files appear under their names when the context ends, however it ends, with every frame written until
    then. A process that is killed outright leaves what was there before.

    * ``boxes.txt``: a line a frame, ``x,y,w,h``, 1-based as OTB's files are.
    * ``track.csv``: a row a frame, `COLUMNS`, 0-based; empty where there is no value.
    * ``track.webm``, ``response.webm``: where asked for.

    Args:
        folder: made where it does not exist.
        fps: of the videos.
        save_video: write the frames with the target's box.
        save_response: write the response maps over the frames.

    Raises:
        OSError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path, fps: float, *, save_video: bool, save_response: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        pictures = {"track.webm": (save_video, annotate), "response.webm": (save_response, overlay_response)}
        with ExitStack() as stack:
            self._boxes, self._table = (_open(stack, folder / name) for name in ("boxes.txt", "track.csv"))
            self._videos = [
                (stack.enter_context(VideoWriter(folder / name, fps)), draw)
                for name, (wanted, draw) in pictures.items()
                if wanted
            ]
            self._table.write(",".join(COLUMNS) + "\n")
            self._stack = stack.pop_all()

    def write(self, step: Step) -> None:
        """Append a frame to every file."""
        output = step.output
        self._boxes.write(",".join(f"{value:.3f}" for value in to_one_based(output.bbox)) + "\n")
        numbers = [*output.bbox, output.score, output.psr]
        cells = ["" if math.isnan(value) else f"{value:.4f}" for value in numbers]
        row = [str(step.frame), *cells, str(int(output.lost)), f"{step.seconds * 1e3:.3f}"]
        self._table.write(",".join(row) + "\n")
        for video, draw in self._videos:
            video.write(draw(step.image, step.frame, output))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()  # without the exception, so that what was written is kept


def _open(stack: ExitStack, path: Path) -> TextIO:
    return stack.enter_context(stack.enter_context(replacing(path)).open("w"))
