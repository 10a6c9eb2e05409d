"""The measurement: all parts in turn, within a time limit, and its two files."""

import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from data.files import write_json, write_text
from experiments.drawing.markdown import markdown_table
from experiments.runtime.provenance import machine, versions
from experiments.speed.losses import measure_losses
from experiments.speed.tracking import measure_tracking
from experiments.speed.training import measure_training
from tracker.presets.base import check_device

Row = dict[str, Any]
"""One line of a part's table."""

Part = Callable[[torch.device, bool], list[Row]]
"""A part: measures on a device, with few repetitions if its second argument is true."""

PARTS: Mapping[str, Part] = {
    "training": measure_training,
    "tracking": measure_tracking,
    "losses": measure_losses,
}

_TEST_SECONDS = 180.0


def measure_all(device: str | None, output: Path, *, seconds: float, quick: bool = False) -> int:
    """Run the `gpu` tests and every part, and write ``speed.json`` and ``speed.md``.

    Args:
        device: the device; None for a GPU if there is one.
        output: folder of the files; created if it does not exist.
        seconds: parts that would begin later are skipped.
        quick: a few repetitions of each part, to see that it runs.

    Returns:
        0, or 1 if a `gpu` test failed or a part broke.

    Raises:
        ValueError: there is no such device.
    """
    chosen = check_device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    output.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    tests, passed = _run_gpu_tests(chosen)
    print(f"gpu tests: {tests}", flush=True)
    report: dict[str, Any] = {
        "device": _name(chosen),
        "machine": machine(),
        "versions": versions(),
        "date": time.strftime("%Y-%m-%d"),
        "gpu_tests": tests,
    }
    broken = not passed
    for name, part in PARTS.items():
        rows, reason = _measure(part, chosen, quick, deadline)
        broken = broken or reason.startswith("broke")
        report[name] = rows if rows else reason
        print(f"{name}: {reason or 'measured'}", flush=True)
        write_json(output / "speed.json", report)
        write_text(output / "speed.md", as_markdown(report))
    print(f"results in {output / 'speed.md'}")
    return int(broken)


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _run_gpu_tests(device: torch.device) -> tuple[str, bool]:
    """Run the tests marked `gpu`; return their outcome in a line, and whether none failed."""
    if device.type != "cuda":
        return "skipped: no GPU", True
    if importlib.util.find_spec("pytest") is None:
        return "skipped: pytest is not installed", True
    # Files that need packages which such a machine lacks cannot even be read: the others' tests run all the same.
    options = ["-q", "-m", "gpu", "-p", "no:cacheprovider", "--continue-on-collection-errors", "-rN", "tests"]
    command = [sys.executable, "-m", "pytest", *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TEST_SECONDS)
    except subprocess.TimeoutExpired:
        return f"stopped after {_TEST_SECONDS:.0f} s", False
    lines = done.stdout.strip().splitlines() or [f"exit status {done.returncode}"]
    return lines[-1], done.returncode == 0


def _measure(part: Part, device: torch.device, quick: bool, deadline: float) -> tuple[list[Row], str]:
    """Measure a part; return its rows, or the reason why there are none."""
    if time.monotonic() > deadline:
        return [], "skipped: no time left"
    try:
        return part(device, quick), ""
    except Exception as error:  # one part that breaks must not take the others' figures with it
        return [], f"broke: {type(error).__name__}: {' '.join(str(error).split())[:300]}"


def as_markdown(report: Mapping[str, Any]) -> str:
    """Write a table for each part, or a line for a skipped part."""
    about = ", ".join(f"{name} {value}" for name, value in report["versions"].items())
    lines = [
        f"{report['device']}; {report['machine']}; {about}; {report['date']}.",
        "",
        f"gpu tests: {report['gpu_tests']}",
    ]
    for name in PARTS:
        rows = report.get(name, "skipped: not reached")
        lines += ["", f"**{name}**", ""]
        if isinstance(rows, str):
            lines.append(rows)
            continue
        heads = list(dict.fromkeys(key for row in rows for key in row))
        cells = [[_cell(row.get(head, "")) for head in heads] for row in rows]
        lines.append(markdown_table(heads, cells).rstrip())
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
