"""``python -m experiments export``: a tracker's network as one ONNX file, for ONNX Runtime and other programs."""

from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from experiments.command import Command


@dataclass(kw_only=True)
class Export(Command):
    """Write what a tracker learned off line (backbone, reduction, box head) as ONNX, its settings as metadata.

    The file is a tracker itself: `track --tracker x.onnx` runs its graph in ONNX Runtime, without torch's weights.
    """

    tracker: Annotated[
        Positional[str],
        arg(
            help="Registered tracker with a network, or the file of a trained one (runs/x/best.safetensors)."
        ),
    ]

    output: Path
    """The file, ending in .onnx."""

    weights: Path | None = None
    """File with other weights than the tracker's own."""

    overwrite: bool = False
    """Replace a file that is there."""

    def run(self) -> int:
        """Write the file and say what is in it."""
        from data.files import remove_left_overs
        from experiments.runtime.lock import make_folder
        from experiments.trackers.by_name import load_with_loss
        from tracker.backbones.weights import onnx_file
        from tracker.correlation import CorrelationFilterTracker
        from tracker.exported import KIND, SUFFIX, save_tracker

        if self.output.exists() and not self.overwrite:
            raise FileExistsError(
                f"{self.output} exists: give another --output, or --overwrite to replace it"
            )
        make_folder(self.output.parent)
        remove_left_overs(self.output.parent, f".{escape(self.output.stem)}.*.partial{SUFFIX}")
        weights = None if self.weights is None else str(self.weights)
        tracker = load_with_loss(self.tracker, weights=weights, runtime="torch")
        assert isinstance(tracker, CorrelationFilterTracker)  # others know no runtime
        save_tracker(tracker, self.output)
        with onnx_file(self.output, KIND) as model:
            graph = model.graph
        names = [", ".join(each.name for each in side) for side in (graph.input, graph.output)]
        print(
            f"{self.output}: {self.output.stat().st_size / 1e6:.2f} MB, inputs {names[0]}; outputs {names[1]}"
        )
        return 0
