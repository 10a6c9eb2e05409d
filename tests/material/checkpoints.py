"""Checkpoints of small networks that were never trained."""

import json

import pytest
import torch
from safetensors.torch import save_file

from tracker.network.checkpoint import METADATA
from tracker.network.regression_net import TrainingCrops, build_regression_net

SETTINGS = {"backbone": "compact", "widths": [8, 8, 8], "channels": 12, "filter": "ridge", "box_head": True}


def write(path, settings=SETTINGS, **changes):
    torch.manual_seed(0)
    net = build_regression_net(**settings, crops=TrainingCrops(160, 4.0))
    tensors = {**net.state_dict(), **changes}
    config = {"model": settings, "data": {"crop_size": 160, "search_area_scale": 4.0}}
    save_file(tensors, path, {METADATA: json.dumps({"config": config})})
    return net


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "best.safetensors"
    write(path)
    return path
