"""Devices by name."""

import pytest
import torch

from tracker.presets.base import check_device


def test_a_device_is_torchs():
    assert check_device("cpu") == check_device(torch.device("cpu")) == torch.device("cpu")


def test_what_is_no_device_and_a_gpu_that_is_not_there_are_named(monkeypatch):
    with pytest.raises(ValueError, match="device must be like 'cpu', 'cuda' or 'cuda:1', got 'cud'"):
        check_device("cud")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="sees no CUDA device"):
        check_device("cuda:1")
