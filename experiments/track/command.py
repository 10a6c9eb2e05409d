"""``python -m experiments track``: follow one target through a video, images, a camera or a stream."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from experiments.command import Command, registered

if TYPE_CHECKING:
    from data.video.reader import VideoFrames
    from experiments.trackers.follow import Step
    from tracker import Tracker, TrackOutput


@dataclass(kw_only=True)
class Track(Command):
    """Follow one target through a video file, images, a camera or a stream."""

    source: Positional[str]
    """Video file, folder of images, glob in quotes, camera index, or stream URL."""

    init_bbox: str | None = None
    """The target in the first frame as X,Y,W,H, 0-based pixels; without it, draw it with the mouse."""

    tracker: Annotated[
        str,
        arg(
            help=f"Registered tracker ({registered('tracker/presets')}), or the file of a trained one "
            "(runs/x/best.safetensors)."
        ),
    ] = "fast"

    backbone: Annotated[
        str | None,
        arg(
            help=f"Other features than the tracker's own (not of fast): {registered('tracker/backbones')}, or "
            "several joined by +."
        ),
    ] = None

    filter: Annotated[
        str | None, arg(help=f"Another filter than the tracker's own: {registered('tracker/filters')}.")
    ] = None

    loss: str | None = None
    """Loss that the tracker learns with on line (dslt, dslt-paper, dslt-code): NAME or NAME:ARGUMENT=VALUE,…"""

    weights: Path | None = None
    """File with other weights than the tracker's own: .safetensors, .npz, .pth."""

    output: Path | None = None
    """Folder for the results; by default runs/track/ and the source's name."""

    overwrite: bool = False
    """Replace the results of an earlier run in that folder."""

    save_video: bool = False
    """Write the frames with the target's box to track.mp4 (without PyAV track.webm)."""

    save_response: bool = False
    """Write the response maps over the frames to response.mp4 (or .webm)."""

    format: Annotated[
        tuple[str, ...],
        arg(help=f"Write the boxes to annotations/ as well, in these formats: {registered('data/formats')}."),
    ] = ()

    show: bool = False
    """Show a live window; q or Esc ends it."""

    device: str = "cpu"
    """cpu, cuda, cuda:1 …"""

    runtime: Literal["auto", "onnx", "torch"] = "auto"
    """What runs the network: auto is ONNX Runtime on a CPU where it is installed (requirements-onnx.txt)."""

    threads: int = 1
    """CPU threads of torch. The maps are small: two are a little faster on an idle machine and many times
    slower on a busy one; more serve a large backbone."""

    def run(self) -> int:
        """Track the target and write boxes.txt, track.csv, run.json and the videos asked for."""
        from data import open_video
        from data.boxes import parse_bbox
        from data.formats import FORMATS
        from experiments.track.window import require_display, select_bbox
        from experiments.trackers.follow import follow

        if self.show:
            require_display("--show")
        elif self.init_bbox is None:
            require_display("drawing the target (or give --init-bbox X,Y,W,H)")
        for name in self.format:
            FORMATS[name]  # an unknown one is said before an hour of tracking
        bbox = None if self.init_bbox is None else parse_bbox(self.init_bbox)
        tracker = self._build_tracker()
        with open_video(self.source) as video:
            first = next(video)
            chosen = select_bbox(first) if bbox is None else bbox
            steps = follow(tracker, chain([first], video), chosen)
            # The first step starts the tracker: nothing is written for a box that cannot be tracked.
            self._record(video, chain([next(steps)], steps))
        return 0

    def _build_tracker(self) -> "Tracker":
        from experiments.trackers.by_name import load_with_loss

        return load_with_loss(
            self.tracker,
            self.loss,
            device=self.device,
            weights=None if self.weights is None else str(self.weights),
            threads=self.threads,
            backbone=self.backbone,
            filter=self.filter,
            runtime=None if self.runtime == "auto" else self.runtime,
        )

    def _record(self, video: "VideoFrames", steps: Iterator["Step"]) -> None:
        """Write every step; whatever ends them early, what was tracked is kept and said."""
        from experiments.runtime.interrupt import Interrupt
        from experiments.runtime.progress import progress_bar
        from experiments.track.files import TrackFiles
        from experiments.track.window import Window

        folder = self.output or Path("runs/track") / folder_name(self.source)
        plain = {
            name: value if value is None or isinstance(value, bool | int | float) else str(value)
            for name, value in asdict(self).items()
        }
        wanted = {
            "save_video": self.save_video,
            "save_response": self.save_response,
            "overwrite": self.overwrite,
        }
        files = TrackFiles(folder, video.fps or 25.0, plain, **wanted)
        outputs: list[TrackOutput] = []
        try:
            with ExitStack() as stack:
                stack.enter_context(files)
                window = stack.enter_context(Window(self.source)) if self.show else None
                interrupt = stack.enter_context(Interrupt())  # so that all files end with the same frame
                for step in stack.enter_context(progress_bar(steps, total=video.frame_count, unit="frame")):
                    files.write(step, video.time)
                    if self.format:  # else a video without an end would fill the memory
                        outputs.append(replace(step.output, response=None))
                    interrupt.check()
                    if window and not window.show(step.image, step.frame, step.output):
                        files.ended = "by the user"
                        break
        finally:
            if files.summary:
                self._annotate(folder, video, outputs)
                print(f"{files.summary}; results in {folder}")

    def _annotate(self, folder: Path, video: "VideoFrames", outputs: "list[TrackOutput]") -> None:
        """Write the boxes in the formats that were asked for, in place of an earlier run's."""
        import shutil

        import numpy as np

        from data.formats import write_tracks
        from data.track_result import TrackResult

        shutil.rmtree(folder / "annotations", ignore_errors=True)
        if not self.format:
            return
        count = len(outputs)
        result = TrackResult(
            "target",
            np.arange(count),
            np.array([output.bbox for output in outputs]),
            np.array([output.score for output in outputs]),
            np.array([output.lost for output in outputs]),
            source=self.source,
            image_names=tuple(video.names[:count]) if video.names else None,
            frame_wh=video.frame_size,
            fps=video.fps,
        )
        for name in self.format:
            write_tracks(folder / "annotations", name, [result])


_PARTS_OF_DATASETS = ("img", "img1", "color", "imgs", "images", "frames")
"""What the folder of a sequence's frames is called in datasets; the sequence's name is the folder above."""


def folder_name(source: str) -> str:
    """A safe folder name that tells sources apart: ``car.mp4``, ``Car4`` for ``Car4/img``, ``camera0``."""
    from data.video.reader import is_camera

    if is_camera(source):
        return f"camera{source}"
    parts = [part for part in Path(source.rstrip("/")).parts if not set(part) & set("*?[")]
    if len(parts) > 1 and parts[-1].lower() in _PARTS_OF_DATASETS:
        parts.pop()
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", parts[-1] if parts else "").strip("_.")[:100] or "source"
