"""Cropping a training set into shards, in parallel and in order; a run that was stopped can be continued."""

import json
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import data.datasets.clip
from data.files import read_json, remove_left_overs, write_text
from data.pairs.settings import TrackletSettings
from data.pairs.shards import is_complete, write_manifest, write_shard
from data.pairs.tracklets import Tracklet, TrackletFrames, crop_tracklet
from experiments.runtime.lock import make_folder
from experiments.runtime.progress import progress_bar
from experiments.runtime.workers import check_workers, worker_pool
from experiments.scoring.record import check_record, fingerprint

_SETTINGS = "settings.json"
_AHEAD = 4  # clips a worker that may be cropped before the shard before them is written


class Preparation:
    """Writes the shards of one dataset into one folder.

    Args:
        output: The folder; shards in it must come from the same settings.
        dataset: Name of the dataset, for the manifest.
        settings: How the tracklets are cropped.
        clips_per_shard: Targets in a tar file.
        skip: Leave out and list images and boxes that cannot be used, instead of stopping.

    Raises:
        ValueError: The number of clips is out of range, or the folder holds something else.
    """

    def __init__(
        self, output: Path, dataset: str, settings: TrackletSettings, clips_per_shard: int, *, skip: bool
    ) -> None:
        if clips_per_shard < 1:
            raise ValueError(f"clips_per_shard must be 1 or more, got {clips_per_shard}")
        self.output, self.settings, self.clips_per_shard, self.skip = output, settings, clips_per_shard, skip
        self.about = {"name": dataset, "settings": {**asdict(settings), "clips_per_shard": clips_per_shard}}
        self._check_folder()

    def run(self, sequences: "Sequence[data.datasets.clip.Clip]", workers: int) -> dict[str, Any]:
        """Write the missing shards, then the manifest; return the manifest's content.

        Raises:
            ValueError: No frame has a box, the folder was made from other clips, or an image or box cannot be used
                and is not to be skipped.
            RuntimeError: A worker process died.
        """
        check_workers(workers)
        frames = [TrackletFrames.of(sequence, self.settings.frames_per_clip) for sequence in sequences]
        frames = [clip for clip in frames if len(clip.numbers)]
        if not frames:
            raise ValueError("the dataset holds no frame with a box: there is nothing to crop")
        self._begin(frames)
        starts = range(0, len(frames), self.clips_per_shard)
        shards = {self.output / f"shard-{number:06d}.tar": start for number, start in enumerate(starts)}
        missing = {path: start for path, start in shards.items() if not is_complete(path)}
        parts = {path: frames[start : start + self.clips_per_shard] for path, start in missing.items()}
        if len(missing) < len(shards):
            print(f"{len(shards) - len(missing)} of {len(shards)} shards are there and sound")
        wanted = [clip for part in parts.values() for clip in part]
        with progress_bar(_cropped(wanted, self.settings, workers), total=len(wanted), unit="clip") as bar:
            tracklets = iter(bar)
            for path, part in parts.items():
                found = [self._checked(tracklet) for tracklet in islice(tracklets, len(part))]
                write_shard(path, missing[path], found)
        return write_manifest(self.output, list(shards), self.about)

    def _checked(self, tracklet: Tracklet) -> Tracklet:
        if tracklet.skipped and not self.skip:
            raise ValueError(f"{tracklet.skipped[0]}; repair it, or leave it out with --on-error skip")
        return tracklet

    def _check_folder(self) -> None:
        """Refuse a folder that holds anything but shards."""
        if self.output.exists() and not self.output.is_dir():
            raise NotADirectoryError(f"output must be a folder, got the file {self.output}")
        remove_left_overs(self.output)  # all that there is after a kill in the first file
        if not self.output.is_dir() or (self.output / _SETTINGS).is_file() or not any(self.output.iterdir()):
            return
        raise FileExistsError(f"folder {self.output} holds other files than shards: give a new one")

    def _begin(self, frames: "Sequence[TrackletFrames]") -> None:
        """Write the settings and clips of the shards, or compare them with those of an earlier run."""
        mine = {**self.about, "clips": [clip.name for clip in frames]}
        record = {"data": {clip.name: _frames_sha256(clip) for clip in frames}}
        file = self.output / _SETTINGS
        if file.is_file():
            known = read_json(file)
            changed = [key for key in mine if known.get(key) != mine[key]]
            if changed:
                what = ", ".join(f"{key} {_difference(known.get(key), mine[key])}" for key in changed)
                raise ValueError(f"shards in {self.output} were made differently: {what}; give a new folder")
            check_record(known.get("record", {}), record)
            return
        make_folder(self.output)
        write_text(file, json.dumps(mine | {"record": record}, indent=1) + "\n")


def _frames_sha256(clip: TrackletFrames) -> str:
    """Of the frames that are cropped, without reading them: numbers, names and sizes of the files, boxes."""
    sizes = [path.stat().st_size if path.is_file() else None for path in clip.paths]
    return fingerprint((clip.numbers, clip.bboxes, [path.name for path in clip.paths], sizes))


def _difference(old: Any, new: Any) -> str:
    """Describe the difference of a setting from an earlier run's in a few words."""
    if isinstance(old, dict) and isinstance(new, dict):
        return ", ".join(
            f"{key} was {old.get(key)}, is {new[key]}" for key in new if old.get(key) != new[key]
        )
    if isinstance(old, list) and isinstance(new, list):
        return f"were {len(old)}, are {len(new)} or have other names"
    return f"was {old}, is {new}"


def _cropped(clips: Sequence[TrackletFrames], settings: TrackletSettings, workers: int) -> Iterator[Tracklet]:
    """Crop clips in order; several processes work a few clips ahead of the consumer."""
    if workers == 1:
        yield from (crop_tracklet(clip, settings) for clip in clips)
        return
    pending: deque[Future[Tracklet]] = deque()
    try:
        with worker_pool(min(workers, len(clips))) as pool:
            for clip in clips:
                pending.append(pool.submit(crop_tracklet, clip, settings))
                if len(pending) > _AHEAD * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
    except BrokenProcessPool:
        raise RuntimeError(
            "a worker process died, of too little memory perhaps: run the same command again, finished shards "
            "are kept; fewer --workers need less memory"
        ) from None
