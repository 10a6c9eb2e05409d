"""What commands need to run in a forked process: no threads, no processes of their own."""

from contextlib import suppress
from importlib import import_module

import cv2
import pytest

from data.files import write_text
from experiments.benchmark.worker_process import _run
from experiments.compare.run import Done

SLOW = [
    *("experiments.compare.page", "experiments.losses.curves", "experiments.report.page"),
    *("experiments.train.build", "losses.registry", "tracker.exported", "tracker.dslt"),
    *("av", "filelock", "jinja2", "onnx", "onnxruntime", "PIL.JpegImagePlugin", "plotly.offline"),
    *("safetensors.torch", "torch._dynamo", "torch.utils.tensorboard"),
]
"""Modules that commands import when they run: once here, not in every process that is forked."""


@pytest.fixture
def in_this_process(monkeypatch):
    """The benchmark's engine without processes; compare's, whose units give what their names say."""
    for module in SLOW:
        with suppress(ModuleNotFoundError):  # some are optional
            import_module(module)
    # A forked process has the locks of OpenCV's threads, but not the threads.
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)

    class Nobody:
        def poll(self):
            return False

    class Frames:
        value = 0

    def track(workers, timeout):
        return lambda jobs, advance: (_run(job, {}, Nobody(), Frames()) for job in jobs)

    def fit(workers):
        return lambda units, settings: (
            Done(unit, {"score": -abs(unit.factor - 1), "rate": unit.factor}) for unit in units
        )

    def page(folder, *_):
        write_text(folder / "index.html", "x" * 9999)
        return folder / "index.html"

    monkeypatch.setattr("experiments.benchmark.engines.local_engine", track)
    monkeypatch.setattr("experiments.compare.run.local_engine", fit)
    monkeypatch.setattr("experiments.benchmark.worker.warm_up", lambda: None)
    for command in ("compare.run", "train.build"):  # the commit may change meanwhile
        monkeypatch.setattr(f"experiments.{command}.versions", dict)
    monkeypatch.setattr("experiments.compare.page.write_comparison", page)
    monkeypatch.setattr("experiments.compare.clips.SYNTHETIC_CLIPS", 2)
    monkeypatch.setattr("experiments.compare.clips.SYNTHETIC_FRAMES", 2)
    monkeypatch.setattr("experiments.demo.command.SCENES", ((("IV",), True),))
    monkeypatch.setattr("experiments.demo.command.FRAME_WH", (64, 48))
    monkeypatch.setattr("experiments.demo.command.TRACKERS", ("gray", "identity"))
    monkeypatch.setattr("experiments.demo.showcase.fps_text", lambda _: "1")
    monkeypatch.setattr("experiments.drawing.curves.save", lambda _, path: write_text(path, "x" * 9999))
    yield
    cv2.setNumThreads(threads)
