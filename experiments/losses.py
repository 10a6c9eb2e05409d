"""``python -m experiments losses``: the figures that explain the losses, or what the losses cost."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.command import Command

if TYPE_CHECKING:
    from experiments.loss_scene import Scene
    from experiments.loss_style import Plot

# A frame of OTB beside the checkout, and its 0-based box: shown when no other is asked for and it exists.
REAL_FRAME = Path(__file__).resolve().parents[2] / "shared/otb/David/img/0300.jpg"
REAL_BBOX = (128.0, 79.0, 64.0, 78.0)


@dataclass(kw_only=True)
class Losses(Command):
    """Draw the loss curves, gradients and imbalance figures, or measure what the losses cost."""

    output: Path = Path("runs/losses")
    """Folder for the figures (PNG and SVG) and their page, or for the cost table."""

    frame: Path | None = None
    """Image on which the response maps are shown; default: an OTB frame if there is one, else synthetic."""

    bbox: str | None = None
    """Target in --frame as X,Y,W,H: pixels, 0-based."""

    benchmark: bool = False
    """Measure forward plus backward of the losses against F.mse_loss instead of drawing."""

    def run(self) -> int:
        """Write the page, or the table, and say where it is."""
        import torch

        self.output.mkdir(parents=True, exist_ok=True)
        if self.benchmark:
            from experiments.loss_benchmark import measure

            table = measure()
            print(table)
            (self.output / "benchmark.md").write_text(table, encoding="utf-8")
            return 0
        started = time.perf_counter()
        torch.manual_seed(0)
        page = self.output / "index.html"
        plots = self._draw()
        page.write_text(_page(plots), encoding="utf-8")
        print(f"{len(plots)} figures in {time.perf_counter() - started:.0f} s: {page}")
        return 0

    def _draw(self) -> "list[Plot]":
        from experiments import loss_curves, loss_ghm, loss_long_tail, loss_maps
        from experiments.loss_style import house_style

        scene = self._scene()
        with house_style():
            plots = [
                loss_curves.regression_curves(),
                loss_curves.shrinkage_modulations(),
                loss_maps.background_shares(scene),
                loss_maps.heat_maps(scene),
                loss_ghm.harmonizing(scene),
                loss_curves.classification_curves(),
                loss_curves.soft_label_minimisers(),
                loss_long_tail.long_tail(),
            ]
            for plot in plots:
                plot.save(self.output)
        return plots

    def _scene(self) -> "Scene":
        from data.images import read_image
        from experiments.loss_scene import learn, synthetic_frame

        if (self.frame is None) != (self.bbox is None):
            raise ValueError("--frame FILE and --bbox X,Y,W,H must be given together")
        if self.frame is not None and self.bbox is not None:
            return learn(read_image(self.frame), _parsed(self.bbox), f"the frame {self.frame.name}")
        if REAL_FRAME.is_file():
            return learn(read_image(REAL_FRAME), REAL_BBOX, "frame 300 of OTB's David")
        return learn(*synthetic_frame(), "a synthetic frame")


def _parsed(bbox: str) -> tuple[float, float, float, float]:
    try:
        x, y, w, h = (float(number) for number in bbox.split(","))
    except ValueError:
        raise ValueError(f"--bbox must be four numbers X,Y,W,H, got {bbox!r}") from None
    return x, y, w, h


def _page(plots: "list[Plot]") -> str:
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(PAGE).render(plots=plots)


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The losses in figures</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
figure { margin: 2.5rem 0; break-inside: avoid; }
img { max-width: 100%; height: auto; }
figcaption { max-width: 46rem; }
</style>
</head>
<body>
<h1>The losses in figures</h1>
<p>A loss has one colour in all figures. Each figure is also there as PNG.</p>
{% for plot in plots %}
<figure id="{{ plot.name }}">
<img src="{{ plot.name }}.svg" alt="{{ plot.title }}">
<figcaption><strong>{{ plot.name | replace("figure-", "Figure ") }}. {{ plot.title }}.</strong> {{ plot.caption }}
<a href="{{ plot.name }}.png">PNG</a></figcaption>
</figure>
{% endfor %}
</body>
</html>
"""
