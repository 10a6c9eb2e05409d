"""``python -m experiments prepare``: crop a training set once, into shards that training reads quickly."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from experiments.command import Command


@dataclass(kw_only=True)
class Prepare(Command):
    """Crop the targets of a training set into tar files in WebDataset's layout, with an index and checksums.

    The same command goes on where it was stopped: finished shards are checked and kept. Train on the result with
    --data.sources shards:OUTPUT.
    """

    dataset: Literal["folder", "got10k", "imagenet-vid", "lasot", "trackingnet"]
    """Training set; folder is any tree in OTB's layout. Of the others the part for training is taken."""

    root: Path
    """Folder of the dataset."""

    output: Path
    """Folder of the shards: new, or one of an earlier run with the same settings."""

    frames_per_clip: int = 64
    """Crops of a clip at most, spread evenly over it."""

    context: float = 8.0
    """Side of the crops in sqrt(w h) of the target. Training crops need search_area_scale + 2 shift, and a little."""

    target_size: int = 48
    """Larger targets are shrunk to this sqrt(w h) in pixels. Crops of 200 pixels and 5 targets show them at 40."""

    quality: int = 92
    """Quality of the JPEG crops, 1 to 100."""

    clips_per_shard: int = 64
    """Clips in a tar file."""

    workers: int = 1
    """Processes that read and crop."""

    on_error: Literal["stop", "skip"] = "stop"
    """An image, box or sequence that cannot be used stops the command, or is left out and listed in the manifest."""

    def run(self) -> int:
        """Write the shards; return 1 if something was left out."""
        from data.pairs.tracklets import TrackletSettings
        from experiments.prepare.shards import Preparation
        from experiments.runtime.lock import holding
        from experiments.train.data import read_training_set

        settings = TrackletSettings(self.frames_per_clip, self.context, self.target_size, self.quality)
        preparation = Preparation(
            self.output, self.dataset, settings, self.clips_per_shard, skip=self.on_error == "skip"
        )
        sequences = read_training_set(self.dataset, self.root, skip_broken=self.on_error == "skip")
        with holding(self.output, "another prepare"):
            manifest = preparation.run(sequences, self.workers)
        print(
            f"{manifest['tracklets']} targets, {manifest['frames']} crops in {len(manifest['shards'])} shards: "
            f"{self.output / 'manifest.json'}"
        )
        if manifest["skipped"]:
            print(
                f"{len(manifest['skipped'])} left out, see skipped there; the first: {manifest['skipped'][0]}"
            )
        return 1 if manifest["skipped"] else 0
