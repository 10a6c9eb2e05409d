"""The measurement of a GPU machine takes its own paths on a CPU, and says what it skipped."""

import json
import sys

import pytest
import torch

from experiments.speed import run


@pytest.mark.slow
def test_every_part_is_measured_on_a_cpu(tmp_path, capsys):
    assert run.measure_all("cpu", tmp_path, seconds=600, quick=True) == 0
    report = json.loads((tmp_path / "speed.json").read_text())
    assert report["gpu_tests"] == "skipped: no GPU"
    fp32 = report["training"][0]
    assert fp32["cached pairs/s"] == pytest.approx(4 * fp32["cached steps/s"])
    assert 0 <= fp32["data wait"] < 1
    assert {"fast", "hog"} <= {row["tracker"] for row in report["tracking"]}
    assert all(row["fps"] > 0 for row in report["tracking"])
    ratios = {row["loss"]: row.get("ratio") for row in report["losses"]}
    assert ratios["mse_loss"] == 1
    assert ratios["shrinkage"] > 0
    text = (tmp_path / "speed.md").read_text()
    assert text.count("| --- |") >= 3


def test_a_part_that_breaks_or_comes_too_late_costs_no_other_its_figures(tmp_path, monkeypatch):
    def broken(device, quick):
        raise RuntimeError("no memory")

    def late(device, quick):
        monkeypatch.setattr(run.time, "monotonic", lambda: float("inf"))
        return [{"fps": 2.0}]

    monkeypatch.setattr(run, "PARTS", {"training": broken, "tracking": late, "losses": late})
    assert run.measure_all("cpu", tmp_path, seconds=60) == 1
    report = json.loads((tmp_path / "speed.json").read_text())
    assert report["training"] == "broke: RuntimeError: no memory"
    assert report["tracking"] == [{"fps": 2.0}]
    assert report["losses"] == "skipped: no time left"


def test_a_device_that_is_not_there_is_refused():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="sees no CUDA device"):
        run.measure_all("cuda", None, seconds=1)


def test_what_a_machine_without_a_network_has_is_enough():
    """Importing the measurement loads none of the packages that such a machine may lack."""
    import subprocess

    lacking = (
        "tyro",
        "matplotlib",
        "got10k",
        "jinja2",
        "plotly",
        "tensorboard",
        "filelock",
        "aiohttp",
        "onnx",
    )
    code = (
        "import sys\n"
        f"lacking = {lacking!r}\n"
        "before = set(sys.modules)\n"
        "import torch, cv2, yaml, scipy, safetensors, tqdm\n"
        "theirs = set(sys.modules)\n"
        "import experiments.speed.__main__\n"
        "print([name for name in lacking if name in sys.modules and name not in theirs])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
