"""The files of a run of `track`, which are complete also after Ctrl-C or a broken video."""

import math
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self, TextIO

import numpy as np

from data.boxes import Image
from data.datasets.box_files import box_lines
from data.files import flush_to_disk, naming_the_file, write_json
from data.video.h264 import has_h264
from data.video.writer import VideoWriter
from experiments.drawing.frames import annotate, overlay_response
from experiments.drawing.palette import colours
from experiments.runtime.lock import holding, make_folder
from experiments.runtime.provenance import machine, versions
from experiments.scoring.timing import Timing
from experiments.trackers.follow import TrackedFrame

COLUMNS = ("frame", "target", "x", "y", "w", "h", "score", "psr", "lost", "milliseconds", "time")

FILES = (
    *("boxes.txt", "boxes", "track.csv", "annotations"),
    *("track.mp4", "track.webm", "response.mp4", "response.webm"),
    "run.json",  # last: where it is, the others are
)


class TrackFiles:
    """Writes a run into a folder frame by frame; a context manager.

    The files appear under their names when the context ends, however it ends, with every frame written until
    then, and those of an earlier run go. When one of them cannot be written none appears and the earlier run
    stays, as after a process that is killed outright.

    * ``boxes.txt``: line k is frame k, ``x,y,w,h``, 1-based as OTB's files are, NaN where the target is not tracked;
      of several tracks ``boxes/NAME.txt`` each.
    * ``track.csv``: a row a frame and track, `COLUMNS`, 0-based, time in seconds as the video's container says; empty
      where there is no value.
    * ``annotations/``: what ``write_annotations`` writes.
    * ``track.mp4``, ``response.mp4`` (without PyAV ``….webm``): where asked for, with the times of the frames.
    * ``run.json``: settings, speed, how the run ended, versions.

    Args:
        folder: made where it does not exist.
        names: of the tracks.
        fps: of the videos.
        settings: plain values for ``run.json``.
        save_video: write the frames with the target's box.
        save_response: write the response maps over the frames.
        overwrite: the folder may hold an earlier run.
        write_annotations: writes into the folder that it is given, once every frame is known; None for nothing.

    Attributes:
        ended: how the run ended, to be set where it is not at the end of the source.
        begun: when the run began, by ``time.perf_counter``; to be set where it did before this was made.
        summary: what came of it in a line, once the files are there; else None.

    Raises:
        FileExistsError: the folder holds an earlier run.
        RuntimeError: another run writes into the folder.
        OSError: the folder cannot be made or written.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        fps: float,
        settings: dict[str, Any],
        *,
        save_video: bool,
        save_response: bool,
        overwrite: bool,
        write_annotations: Callable[[Path], object] | None = None,
    ) -> None:
        self.ended = "at the end of the source"
        self.summary: str | None = None
        self._folder, self._settings, self._write_annotations = folder, settings, write_annotations
        self._seconds: list[float] = []
        self._lost, self._failed = dict.fromkeys(names, 0), False
        self._chosen = colours(names) if len(names) > 1 else None
        self._frame = 0
        self._first_second: float | None = None
        with ExitStack() as stack:
            self._staging = _claim(stack, folder, overwrite)
            suffix = ".mp4" if has_h264() else ".webm"
            pictures = {"track": (save_video, annotate), "response": (save_response, overlay_response)}
            self._table = self._open(stack, "track.csv")
            files = {name: f"boxes/{name}.txt" if len(names) > 1 else "boxes.txt" for name in names}
            self._boxes = {name: self._open(stack, file) for name, file in files.items()}
            self._videos = [
                (stack.enter_context(VideoWriter(self._staging / f"{name}{suffix}", fps)), draw)
                for name, (wanted, draw) in pictures.items()
                if wanted
            ]
            self._table.write(",".join(COLUMNS) + "\n")
            self.begun = time.perf_counter()
            self._writing = stack.pop_all()

    def write(self, scene: TrackedFrame, seconds: float | None = None) -> None:
        """Append a frame to every file, shown so many seconds into the video; frames left out before it are absent."""
        shown = "" if seconds is None else f"{seconds:.4f}"
        if self._first_second is None:
            self._first_second = seconds
        try:
            for name, file in self._boxes.items():
                rows = np.full((scene.frame - self._frame + 1, 4), np.nan)
                if name in scene.outputs:
                    rows[-1] = scene.outputs[name].bbox
                file.write(box_lines(rows))
            for name, output in scene.outputs.items():
                numbers = [*output.bbox, output.score, output.psr]
                cells = ["" if math.isnan(value) else f"{value:.4f}" for value in numbers]
                took = f"{scene.seconds[name] * 1e3:.3f}"
                row = [str(scene.frame), name, *cells, str(int(output.lost)), took, shown]
                self._table.write(",".join(row) + "\n")
                self._lost[name] += output.lost
            for video, draw in self._videos:
                picture = draw(scene.image, scene.frame, scene.outputs, self._chosen)
                video.write(picture, None if seconds is None else seconds - (self._first_second or 0))
        except OSError:
            self._failed = True
            raise
        self._frame = scene.frame + 1
        self._seconds.append(sum(scene.seconds.values()))

    def picture(self, scene: TrackedFrame) -> Image:
        """The frame with the tracks' boxes."""
        return annotate(scene.image, scene.frame, scene.outputs, self._chosen)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self.ended = f"by {type(error).__name__}: {error}".removesuffix(": ")
        with self._writing:  # the lock, and what is still open
            try:
                self._finish()
            finally:
                shutil.rmtree(self._staging, ignore_errors=True)

    def _finish(self) -> None:
        wall = time.perf_counter() - self.begun
        try:
            self._close_files()
        except OSError:
            if not self._failed:  # else the first fault is on its way already
                raise
        if self._failed or not self._seconds:
            return
        if self._write_annotations:
            self._write_annotations(self._staging / "annotations")
        timing = Timing.of(self._seconds)
        count, lost = len(self._seconds), sum(self._lost.values())
        record = {
            "settings": self._settings,
            "frames": count,
            "lost_frames": self._lost if len(self._lost) > 1 else lost,
            "ended": self.ended,
            "timing": asdict(timing) | {"fps_in_all": count / wall},
            "machine": machine(),
            "versions": versions(),
        }
        write_json(self._staging / "run.json", record)
        self._move()
        each = f" (of {len(self._lost)} tracks together)" if len(self._lost) > 1 else ""
        self.summary = f"{count} frames tracked, lost in {lost}{each}; " + _speeds(timing, count / wall)

    def _close_files(self) -> None:
        for video, _ in self._videos:
            video.close()
        for file in (*self._boxes.values(), self._table):
            with naming_the_file(self._folder / Path(file.name).relative_to(self._staging)):
                file.close()

    def _move(self) -> None:
        """Replace the old files by the new ones, once all of these are on the disk."""
        new = [self._staging / name for name in FILES if (self._staging / name).exists()]
        for path in new:
            for file in (path, *path.rglob("*")):
                if file.is_file():
                    flush_to_disk(file)
        for old in (self._folder / name for name in reversed(FILES)):
            shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
        for path in new:
            path.replace(self._folder / path.name)

    def _open(self, stack: ExitStack, name: str) -> TextIO:
        path = self._staging / name
        path.parent.mkdir(exist_ok=True)
        file = path.open("w", encoding="utf-8")

        def close() -> None:
            with suppress(OSError):  # `_close_files` reports it
                file.close()

        stack.callback(close)
        return file


def _claim(stack: ExitStack, folder: Path, overwrite: bool) -> Path:
    """Lock a folder for this run; return the folder of the files that are not yet complete."""
    make_folder(folder)
    stack.enter_context(holding(folder, "another run"))
    held = next((name for name in FILES if (folder / name).exists()), None)
    if held and not overwrite:
        raise FileExistsError(
            f"folder {folder} holds the {held} of an earlier run: give another --output, or --overwrite to replace it"
        )
    staging = folder / ".partial"
    shutil.rmtree(staging, ignore_errors=True)  # left by a process that was killed
    staging.mkdir()
    return staging


def _speeds(timing: Timing, in_all: float) -> str:
    if math.isnan(timing.fps):
        return "one frame has no speed"
    return (
        f"{in_all:.1f} fps in all, {timing.fps:.1f} fps of the tracker alone (median {timing.median_ms:.1f} ms, "
        f"95 % under {timing.p95_ms:.1f} ms)"
    )
