"""``python -m experiments prepare``: crop a training set once, into shards that training reads quickly."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from data.pairs.settings import TrackletSettings
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

    crops: Annotated[TrackletSettings, arg(name="")] = field(default_factory=TrackletSettings)

    clips_per_shard: int = 64
    """Clips in a tar file."""

    workers: int = 1
    """Processes that read and crop."""

    on_error: Literal["stop", "skip"] = "stop"
    """An image, box or sequence that cannot be used stops the command, or is left out and listed in the manifest."""

    def run(self) -> int:
        """Write the shards; return 1 if something was left out."""
        from experiments.prepare.shards import Preparation
        from experiments.runtime.lock import holding
        from experiments.train.data import read_training_set

        preparation = Preparation(
            self.output, self.dataset, self.crops, self.clips_per_shard, skip=self.on_error == "skip"
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
