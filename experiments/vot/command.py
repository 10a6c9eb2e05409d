"""``python -m experiments vot``: run a tracker for the VOT toolkit, over TraX."""

import sys
from dataclasses import dataclass
from pathlib import Path

from experiments.command import Command

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(kw_only=True)
class Vot(Command):
    """Run one tracker under the VOT toolkit: it starts this command, and they speak TraX over a pipe or socket."""

    tracker: str = "fast"
    """The tracker, as in benchmark: a registered name, a trained one's file, opencv-csrt and the like."""

    weights: Path | None = None
    """File with other weights than the tracker's own."""

    device: str = "cpu"
    """cpu, cuda, cuda:1 …"""

    ini: bool = False
    """Print the section that makes the tracker known to the toolkit, for trackers.ini, and end."""

    def run(self) -> int:
        """Answer until the toolkit says that it has finished."""
        from experiments.trackers.by_name import Description, parse_contenders

        weights = () if self.weights is None else (str(self.weights),)
        (contender,) = parse_contenders(self.tracker, weights, self.device)
        label = Description(contender).label
        if self.ini:
            print(self._section(label, contender.name, contender.weights))
            return 0
        from experiments.vot.server import serve_trax

        serve_trax(contender.build(), label)
        return 0

    def _section(self, label: str, tracker: str, weights: Path | None) -> str:
        words = [sys.executable, "-m", "experiments", "vot", "--tracker", tracker, "--device", self.device]
        words += [] if weights is None else ["--weights", str(weights)]
        command = " ".join(f'"{word}"' if " " in word else word for word in words)
        return (
            f"[{label}]\nlabel = {label}\nprotocol = trax\ncommand = {command}\nenv_PYTHONPATH = {CHECKOUT}\n"
        )
