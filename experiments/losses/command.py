"""``python -m experiments losses``: the figures that explain the losses, or what the losses cost."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.command import Command

if TYPE_CHECKING:
    from data.boxes import Image
    from experiments.drawing.figures import Plot
    from experiments.losses.scene import Scene

# A frame of OTB beside the checkout, and its 0-based box: shown when no other is asked for and it exists.
REAL_FRAME = Path(__file__).resolve().parents[3] / "shared/otb/David/img/0300.jpg"
REAL_BBOX = (128.0, 79.0, 64.0, 78.0)
REAL_WEIGHTS = Path(__file__).resolve().parents[3] / "shared/weights/squeezenet1_0_imagenet.npz"


@dataclass(kw_only=True)
class Losses(Command):
    """Draw the loss curves, gradients and imbalance figures, or measure what the losses cost."""

    output: Path = Path("runs/losses")
    """Folder for the figures (PNG and SVG) and their page, or for the cost table."""

    frame: Path | None = None
    """Image on which the response maps are shown; default: an OTB frame if there is one, else synthetic."""

    bbox: str | None = None
    """Target in --frame as X,Y,W,H: pixels, 0-based."""

    curves: str | None = None
    """Draw only the curves of these registered losses, names with commas between them."""

    benchmark: bool = False
    """Measure forward plus backward of the losses against F.mse_loss instead of drawing."""

    solvers: bool = False
    """Measure how fast the on-line solvers fit the first frame with several losses instead of drawing."""

    def run(self) -> int:
        """Write the page, or the table, and say where it is."""
        import torch

        self.output.mkdir(parents=True, exist_ok=True)
        if self.benchmark:
            from experiments.losses.cost import measure

            table = measure()
            print(table)
            (self.output / "benchmark.md").write_text(table, encoding="utf-8")
            return 0
        if self.solvers:
            return self._measure_solvers()
        from experiments.drawing.pages import write_page

        started = time.perf_counter()
        torch.manual_seed(0)
        page = self.output / "index.html"
        plots = self._draw()
        write_page(page, Path(__file__).with_name("losses.html"), plots=plots)
        print(f"{len(plots)} figures in {time.perf_counter() - started:.0f} s: {page}")
        return 0

    def _measure_solvers(self) -> int:
        from experiments.drawing.figures import house_style
        from experiments.losses.solvers import measure

        backbone, weights = ("squeezenet", REAL_WEIGHTS) if REAL_WEIGHTS.is_file() else ("hog+color", None)
        image, bbox, _ = self._image()
        with house_style():
            table, plot = measure(image, bbox, backbone, weights)
            plot.save(self.output)
        print(table)
        (self.output / "solvers.md").write_text(table, encoding="utf-8")
        return 0

    def _draw(self) -> "list[Plot]":
        from experiments.drawing.figures import house_style
        from experiments.losses.curves import chosen_curves

        with house_style():
            plots = self._all_figures() if self.curves is None else [chosen_curves(self.curves.split(","))]
            for plot in plots:
                plot.save(self.output)
        return plots

    def _all_figures(self) -> "list[Plot]":
        from experiments.losses import curves as loss_curves
        from experiments.losses import ghm as loss_ghm
        from experiments.losses import long_tail as loss_long_tail
        from experiments.losses import maps as loss_maps

        scene = self._scene()
        return [
            loss_curves.regression_curves(),
            loss_curves.shrinkage_modulations(),
            loss_maps.background_shares(scene),
            loss_maps.heat_maps(scene),
            loss_ghm.harmonizing(scene),
            loss_curves.classification_curves(),
            loss_curves.soft_label_minimisers(),
            loss_long_tail.long_tail(),
        ]

    def _scene(self) -> "Scene":
        from experiments.losses.scene import learn

        return learn(*self._image())

    def _image(self) -> "tuple[Image, tuple[float, float, float, float], str]":
        """The frame that is shown, its target, and what to call it."""
        from data.boxes import parse_bbox
        from data.images import read_image
        from experiments.losses.scene import synthetic_frame

        if (self.frame is None) != (self.bbox is None):
            raise ValueError("--frame FILE and --bbox X,Y,W,H must be given together")
        if self.frame is not None and self.bbox is not None:
            return read_image(self.frame), parse_bbox(self.bbox), f"the frame {self.frame.name}"
        if REAL_FRAME.is_file():
            return read_image(REAL_FRAME), REAL_BBOX, "frame 300 of OTB's David"
        return (*synthetic_frame(), "a synthetic frame")
