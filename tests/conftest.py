"""Shared fixtures: one torch thread a worker, the real material, and skips that say why."""

import signal
from pathlib import Path

import cv2
import hypothesis
import pytest
import torch

# How long an example takes is the machine's matter: on a busy one, 200 ms are soon over.
hypothesis.settings.register_profile(
    "project", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("project")

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_addoption(parser):
    parser.addoption("--expect-opencv", help="fail at once unless cv2 has this major version")


def pytest_configure(config):
    expected = config.getoption("--expect-opencv")
    if expected and cv2.__version__.split(".")[0] != expected:
        raise pytest.UsageError(f"cv2 is {cv2.__version__}, but --expect-opencv asked for major {expected}")
    torch.set_num_threads(1)  # the suite runs one process a core
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # a shell's background job, in which Ctrl-C stays ignored
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    for item in items:
        if "real" in item.keywords and not (SHARED / "otb").is_dir():
            item.add_marker(pytest.mark.skip(reason=f"real sequences are absent: no folder {SHARED / 'otb'}"))
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="no CUDA device on this machine"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real sequences, images and weights beside the checkout (tests marked `real`)."""
    return SHARED
