"""``python -m experiments demo``: several trackers on synthetic sequences, and a page that shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.command import Command

TRACKERS = ("hog", "gray", "identity")

SCENES: Sequence[tuple[tuple[str, ...], bool]] = (
    (("IV",), False),
    (("SV", "IPR"), True),
    (("OCC",), True),
    (("MB", "FM"), True),
    (("BC", "DEF"), True),
    (("OPR",), True),
)
"""Challenges of each sequence (keys of `data.synthetic.ATTRIBUTES`) and whether it is in colour."""

FRAME_WH = (640, 360)


@dataclass(kw_only=True)
class Demo(Command):
    """Track synthetic sequences with several trackers: videos, plots, scores and a page to open."""

    output: Path = Path("runs/demo")
    """Folder for the page and everything it shows."""

    length: int = 120
    """Frames of each sequence; fewer are quicker, but it takes some 100 to meet every challenge."""

    def run(self) -> int:
        """Track, score and draw; print the table and the path of the page."""
        import torch

        from data import synthetic_sequence
        from experiments.showcase import show, table

        if self.length < 2:
            raise ValueError(f"--length must be 2 or more frames, got {self.length}")
        # These trackers' operations are so small that a second thread gains a tenth on an idle machine, and on a
        # busy one costs a multiple: in each operation the threads wait for the one that has no core.
        torch.set_num_threads(1)
        sequences = [
            synthetic_sequence(seed, self.length, FRAME_WH, attributes, colour=colour)
            for seed, (attributes, colour) in enumerate(SCENES, 1)
        ]
        print(table(*show(sequences, TRACKERS, self.output)))
        print(f"open {self.output / 'index.html'}")
        return 0
