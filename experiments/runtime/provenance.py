"""Where a result comes from: versions, commit and machine."""

import os
import platform
import subprocess
from pathlib import Path

import cv2
import numpy as np
import torch


def versions() -> dict[str, str | None]:
    """The versions that decide a result: Python, torch, OpenCV, NumPy and this checkout's commit."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "opencv": cv2.__version__,
        "numpy": np.__version__,
        "commit": _commit(),
    }


def _commit() -> str | None:
    """Commit of the checkout, with ``+`` for uncommitted changes; None outside git."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        commit = subprocess.run(
            [*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
        )
        status = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit.stdout.strip() + ("+" if status.stdout.strip() else "")


def machine() -> str:
    """Processor, number of cores and system of this machine, in a line."""
    return f"{processor()}, {os.cpu_count()} cores, {platform.system()}"


def processor() -> str:
    """The processor's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
