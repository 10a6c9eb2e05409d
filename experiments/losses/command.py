"""``python -m experiments losses``: the figures that explain the losses, or what the losses cost."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.command import Command

if TYPE_CHECKING:
    from data.boxes import Image
    from experiments.drawing.figures import Plot

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
    """Image for the response maps; by default an OTB frame if there is one, else a synthetic frame."""

    bbox: str | None = None
    """Target in --frame as X,Y,W,H: pixels, 0-based."""

    curves: str | None = None
    """Draw only the curves of these registered losses, names with commas between them."""

    benchmark: bool = False
    """Measure forward plus backward of the losses against F.mse_loss instead of drawing."""

    threads: int = 1
    """CPU threads of torch. The maps are small: more threads mostly wait for each other."""

    solvers: bool = False
    """Measure how fast the on-line solvers fit the first frame with several losses instead of drawing."""

    def run(self) -> int:
        """Write the page or the table, and print its path."""
        import torch

        from data.files import remove_left_overs, write_text
        from experiments.runtime.lock import make_folder

        make_folder(self.output)
        remove_left_overs(self.output)
        doing = (
            "measuring" if self.benchmark or self.solvers else "drawing, the response maps are learned first"
        )
        print(f"{self.output}: {doing} …", flush=True)
        if self.benchmark:
            from experiments.losses.cost import measure

            table = measure()
            print(table)
            write_text(self.output / "benchmark.md", table)
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
        from data.files import write_text
        from experiments.drawing.figures import house_style
        from experiments.losses.solvers import measure

        backbone, weights = ("squeezenet", REAL_WEIGHTS) if REAL_WEIGHTS.is_file() else ("hog+color", None)
        image, bbox, _ = self._image()
        with house_style():
            table, plot = measure(image, bbox, backbone, weights)
            plot.save(self.output)
        print(table)
        write_text(self.output / "solvers.md", table)
        return 0

    def _draw(self) -> "list[Plot]":
        """Draw and save the figures one by one."""
        from experiments.drawing.figures import house_style
        from experiments.losses.curves import chosen_curves
        from experiments.runtime.progress import progress_bar

        plots = []
        with house_style():
            names = None if self.curves is None else self.curves.split(",")
            drawings = self._all_figures() if names is None else [partial(chosen_curves, names)]
            for draw in progress_bar(drawings, total=len(drawings), unit="figure"):
                plots.append(draw())
                plots[-1].save(self.output)
        return plots

    def _all_figures(self) -> "list[Callable[[], Plot]]":
        """The functions that draw the figures, in the order of the page; the scene is learnt when first needed."""
        from experiments.losses import (
            curves,
            equalization,
            ghm,
            information,
            label_smoothing,
            long_tail,
            maps,
        )
        from experiments.losses.scene import learn

        image, bbox, origin = self._image()
        scene = cache(lambda: learn(image, bbox, origin))
        return [
            curves.regression_curves,
            curves.shrinkage_modulations,
            lambda: maps.background_shares(scene()),
            lambda: maps.heat_maps(scene()),
            lambda: ghm.harmonizing(scene()),
            curves.classification_curves,
            curves.soft_label_minimisers,
            long_tail.long_tail,
            information.information,
            information.slow_gradient,
            label_smoothing.over_confidence,
            equalization.equalized_gradients,
        ]

    def _image(self) -> "tuple[Image, tuple[float, float, float, float], str]":
        """The frame to show, its target's box, and its name for captions."""
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
