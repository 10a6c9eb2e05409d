"""``python -m experiments demo``: train a tracker, follow synthetic sequences with it and others, show all of it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.command import Command
from experiments.report.command import Report

if TYPE_CHECKING:
    from data.synthetic.scene import SyntheticSequence
    from tracker import Tracker

TRACKERS = ("fast", "hog", "identity")

CONFIG = Path(__file__).parents[1] / "configs" / "demo.yaml"

SCENES: Sequence[tuple[tuple[str, ...], bool]] = (
    (("IV",), False),
    (("SV", "IPR"), True),
    (("OCC",), True),
    (("MB", "FM"), True),
    (("BC", "DEF"), True),
    (("OPR",), True),
)
"""Challenges of each sequence (keys of `data.synthetic.sequence.ATTRIBUTES`) and whether it is in colour."""

FRAME_WH = (640, 360)


@dataclass(kw_only=True)
class Demo(Command):
    """Train a small tracker for a minute, then track synthetic sequences with it, with the shipped one and others.

    Writes videos, plots, a page (index.html) and a report to explore (report.html).
    """

    output: Path = Path("runs/demo")
    """Folder for the page and everything it shows."""

    length: int = 120
    """Frames of each sequence; fewer are quicker, but it takes some 100 to meet every challenge."""

    train: bool = True
    """Train first; without it only what comes with the project is shown."""

    gallery: Path | None = None
    """Write the pictures of docs/gallery.md into this folder, and nothing else."""

    def run(self) -> int:
        """Train, track, score and draw; print the table and the paths of the pages."""
        from experiments.demo.showcase import write_annotations
        from experiments.runtime.lock import holding

        if self.gallery is not None:
            from experiments.demo.gallery import write_gallery

            print("\n".join(map(str, write_gallery(self.gallery))))
            return 0
        if self.length < 2:
            raise ValueError(f"--length must be 2 or more frames, got {self.length}")
        with holding(self.output, "another demo"):
            sequences = self._show()
        report = Report(
            results_dir=self.output / "results",
            dataset="synthetic",
            root=write_annotations(self.output / "annotations.json", sequences),
            output=self.output,
        )
        report.run()
        print(f"open {self.output / 'index.html'}, and {self.output / 'report.html'} to explore the scores")
        print(f"track in your own videos, in the browser: {sys.executable} -m experiments serve")
        return 0

    def _show(self) -> "list[SyntheticSequence]":
        from data import synthetic_sequence
        from experiments.demo.showcase import prepare, show, table
        from tracker import load_tracker

        prepare(self.output, TRACKERS)  # reports a folder that cannot be written before a minute of training
        trained = self._trained() if self.train else {}
        sequences = [
            synthetic_sequence(seed, self.length, FRAME_WH, attributes, colour=colour)
            for seed, (attributes, colour) in enumerate(SCENES, 1)
        ]
        trackers = {name: load_tracker(name) for name in TRACKERS}
        about = {"trained": "trained by this demo a minute ago, on generated frames, with Shrinkage loss"}
        print(table(*show(sequences, {**trained, **trackers}, self.output, about)))
        return sequences

    def _trained(self) -> "dict[str, Tracker]":
        from experiments.train.build import train
        from experiments.train.parse import read_settings
        from tracker import load_tracker

        folder = self.output / "training"
        if not train(read_settings(CONFIG), folder, overwrite=True).finished:
            raise KeyboardInterrupt
        return {"trained": load_tracker(str(folder / "best.safetensors"))}
