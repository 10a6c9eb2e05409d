"""``python -m experiments track``: follow one target through a video, images, a camera or a stream."""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain, dropwhile, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, UseAppendAction, arg

from experiments.command import Command, registered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from data.boxes import Image
    from data.video.reader import VideoFrames
    from experiments.track.targets import Targets
    from experiments.trackers.follow import TrackedFrame
    from tracker import MultiTracker, TrackOutput


@dataclass(kw_only=True)
class Track(Command):
    """Follow one target or several through a video file, images, a camera or a stream."""

    source: Positional[str]
    """Video file, folder of images, glob in quotes, camera index, or stream URL."""

    init_bbox: UseAppendAction[tuple[str, ...]] = ()
    """A target as [NAME:][FRAME:]X,Y,W,H, 0-based pixels and frames; give it once for each. Without any, draw it
    with the mouse."""

    init_file: Path | None = None
    """A file with further targets, a line each, written as for --init-bbox."""

    start_frame: int = 0
    """The frame, from 0, in which targets start that name no frame."""

    end_frame: int | None = None
    """The last frame; by default the source's."""

    backward: bool = False
    """Follow the targets from where they start to the beginning as well: one good frame annotates a whole video."""

    correct: UseAppendAction[tuple[str, ...]] = ()
    """A better box as [NAME:]FRAME:X,Y,W,H, from which its target is followed on; give it once for each."""

    forget: bool = False
    """Start anew at a --correct instead of keeping what was learned of the target."""

    tracker: Annotated[
        str,
        arg(
            help=f"Registered tracker ({registered('tracker/presets')}), the file of a trained one "
            "(runs/x/best.safetensors), or opencv-csrt, opencv-kcf, opencv-mil, opencv-nano, opencv-vit; several, with "
            "commas between them, are drawn together."
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

    weights: UseAppendAction[tuple[str, ...]] = ()
    """File with other weights than the tracker's own (.safetensors, .npz, .pth); of several trackers TRACKER=PATH."""

    output: Path | None = None
    """Folder for the results; by default runs/track/ and the source's name."""

    overwrite: bool = False
    """Replace the results of an earlier run in that folder."""

    save_video: bool = False
    """Write the frames with the targets' boxes to track.mp4 (without PyAV track.webm)."""

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
        """Track the targets, write their boxes, track.csv, run.json and videos; 1 if a tracker was left out."""
        from data import open_video
        from data.video.containers import change_of_size
        from experiments.track.targets import read_targets
        from experiments.track.window import select_bbox

        self._check()
        given = self.init_bbox
        if given or self.init_file:
            targets = read_targets(given, self.init_file, self.correct, self.start_frame)
        trackers = self._trackers()
        with open_video(self.source) as video:
            if Path(self.source).is_file() and (change := change_of_size(self.source)):
                print(f"note: {change}: frames and boxes are scaled to the first size", file=sys.stderr)
            frames: Iterator[tuple[int, Image]] = enumerate(video)
            if not (given or self.init_file):
                frames = dropwhile(lambda frame: frame[0] < self.start_frame, frames)
                first = next(frames, None)
                if first is not None:
                    given = (",".join(map(str, select_bbox(first[1]))),)
                    frames = chain([first], frames)
                targets = read_targets(given, None, self.correct, self.start_frame)
            names = targets.names(trackers)
            scenes = self._scenes(frames, trackers, targets, names)
            # The first scene starts the trackers: nothing is written for a box that cannot be tracked.
            begun, scene = time.perf_counter(), next(scenes, None)
            if scene is None:
                raise ValueError(
                    f"no target starts within the {video.frames_read} frames of {self.source}: frames count from 0"
                )
            ends = [video.frame_count, None if self.end_frame is None else self.end_frame + 1]
            total = min((end - scene.frame for end in ends if end), default=None)
            self._record(video, chain([scene], scenes), list(names.values()), begun, total)
        return int(len(trackers) < len(self.tracker.split(",")))

    def _check(self) -> None:
        """Say what is wrong with the flags before an hour of tracking."""
        from data.formats import FORMATS
        from experiments.track.window import require_display

        for name in self.format:
            FORMATS[name]
        drawn = not (self.init_bbox or self.init_file)
        if self.show:
            require_display("--show")
        elif drawn:
            require_display("drawing the target (or give --init-bbox X,Y,W,H)")
        if self.start_frame < 0:
            raise ValueError(f"--start-frame must be 0 or more, got {self.start_frame}")
        if self.end_frame is not None and self.end_frame < self.start_frame:
            raise ValueError(f"--end-frame must be {self.start_frame} or more, got {self.end_frame}")
        if self.backward and drawn:
            raise ValueError("--backward needs the target's box: give --init-bbox FRAME:X,Y,W,H")
        if self.backward and not Path(self.source).exists() and "*" not in self.source:
            raise ValueError(f"--backward needs a video file or images, got {self.source}")

    def _trackers(self) -> "dict[str, MultiTracker]":
        from experiments.trackers.by_name import build_available, parse_contenders
        from tracker import MultiTracker

        contenders = parse_contenders(
            self.tracker,
            self.weights,
            self.device,
            () if self.backbone is None else (self.backbone,),
            () if self.loss is None else (self.loss,),
        )
        if self.filter is not None and len(contenders) > 1:
            raise ValueError(f"--filter is for one tracker, got --tracker {self.tracker}")
        chosen = [
            replace(one, filter=self.filter, threads=self.threads, runtime=self.runtime) for one in contenders
        ]
        built = build_available(chosen, lambda one: MultiTracker(one.build))
        return {one.label: tracker for one, tracker in built}

    def _scenes(
        self,
        frames: "Iterator[tuple[int, Image]]",
        trackers: "Mapping[str, MultiTracker]",
        targets: "Targets",
        names: "Mapping[tuple[str, str], str]",
    ) -> "Iterator[TrackedFrame]":
        """What was tracked in every frame in which anything was, in the order of the video."""
        from experiments.trackers.follow import follow_targets

        earlier = self._earlier(trackers, targets, names) if self.backward else {}
        wanted = takewhile(lambda frame: self.end_frame is None or frame[0] <= self.end_frame, frames)
        for scene in follow_targets(trackers, wanted, targets.forward(), names, forget=self.forget):
            if scene.frame in earlier:
                before = earlier.pop(scene.frame)
                scene = replace(
                    scene,
                    outputs={**before.outputs, **scene.outputs},
                    seconds={**before.seconds, **scene.seconds},
                )
            if scene.outputs:
                yield scene

    def _earlier(
        self,
        trackers: "Mapping[str, MultiTracker]",
        targets: "Targets",
        names: "Mapping[tuple[str, str], str]",
    ) -> "dict[int, TrackedFrame]":
        """The scenes, without their images, from the targets' starts back to the beginning."""
        import numpy as np

        from data.video.numbered import EndOfFrames, open_frames
        from experiments.runtime.progress import progress_bar
        from experiments.trackers.follow import follow_targets

        last = max(one.frame for one in targets.starts)
        found = {}
        store = open_frames(self.source, Path())
        try:
            frames = ((number, store.read(number)) for number in range(last, -1, -1))
            scenes = follow_targets(trackers, frames, targets.backward(), names, forget=self.forget)
            for scene in progress_bar(scenes, total=last + 1, unit="frame"):
                outputs = scene.outputs
                if not self.save_response:  # maps of a long video would fill the memory
                    outputs = {name: replace(one, response=None) for name, one in outputs.items()}
                found[scene.frame] = replace(scene, image=np.empty((0, 0, 3), np.uint8), outputs=outputs)
        except EndOfFrames:
            raise ValueError(
                f"target starts in frame {last}, but {self.source} has {store.count} frames"
            ) from None
        finally:
            store.close()
        return found

    def _record(
        self,
        video: "VideoFrames",
        scenes: "Iterator[TrackedFrame]",
        names: "Sequence[str]",
        begun: float,
        total: int | None,
    ) -> None:
        """Write every scene; whatever ends them early, what was tracked is kept and said."""
        from experiments.runtime.interrupt import Interrupt
        from experiments.runtime.progress import progress_bar
        from experiments.track.files import TrackFiles
        from experiments.track.window import Window

        folder = self.output or Path("runs/track") / folder_name(self.source)
        plain = {
            name: value if value is None or isinstance(value, bool | int | float | tuple) else str(value)
            for name, value in asdict(self).items()
        }
        wanted = {
            "save_video": self.save_video,
            "save_response": self.save_response,
            "overwrite": self.overwrite,
        }
        outputs: dict[str, dict[int, TrackOutput]] = {name: {} for name in names}
        write_annotations = partial(self._annotate, video, outputs) if self.format else None
        files = TrackFiles(
            folder, names, video.fps or 25.0, plain, **wanted, write_annotations=write_annotations
        )
        files.begun = begun
        try:
            with ExitStack() as stack:
                stack.enter_context(files)
                window = stack.enter_context(Window(self.source)) if self.show else None
                interrupt = stack.enter_context(Interrupt())  # so that all files end with the same frame
                for scene in stack.enter_context(progress_bar(scenes, total=total, unit="frame")):
                    files.write(scene, video.time)
                    if self.format:  # else a video without an end would fill the memory
                        for name, output in scene.outputs.items():
                            outputs[name][scene.frame] = replace(output, response=None)
                    interrupt.check()
                    if window and not window.show(files.picture(scene)):
                        files.ended = "by the user"
                        break
        finally:
            if files.summary:
                print(f"{files.summary}; results in {folder}")

    def _annotate(
        self, video: "VideoFrames", outputs: "Mapping[str, Mapping[int, TrackOutput]]", folder: Path
    ) -> None:
        """Write the boxes in the formats asked for."""
        from data.formats import write_tracks
        from experiments.trackers.follow import track_result

        about = {"source": self.source, "frame_wh": video.frame_size, "fps": video.fps}
        results = [
            track_result(name, track, video.names, **about) for name, track in outputs.items() if track
        ]
        for format in self.format:
            write_tracks(folder, format, results)


_PARTS_OF_DATASETS = ("img", "img1", "color", "imgs", "images", "frames")
"""Names of folders of frames in datasets; the sequence's name is that of the folder above."""


def folder_name(source: str) -> str:
    """Make a safe folder name of a source: ``car.mp4``, ``Car4`` for ``Car4/img``, ``camera0``."""
    from data.video.reader import is_camera

    if is_camera(source):
        return f"camera{source}"
    parts = [part for part in Path(source.rstrip("/")).parts if not set(part) & set("*?[")]
    if len(parts) > 1 and parts[-1].lower() in _PARTS_OF_DATASETS:
        parts.pop()
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", parts[-1] if parts else "").strip("_.")[:100] or "source"
