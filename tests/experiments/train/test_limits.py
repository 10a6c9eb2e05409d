"""Numbers of a config that would fill a memory or a day are refused, those of every config here are not."""

from pathlib import Path

import pytest

from experiments.train.limits import check_limits
from experiments.train.parse import read_settings, settings_from
from experiments.train.settings import TrainingSettings

CONFIGS = sorted((Path(__file__).resolve().parents[3] / "experiments" / "configs").glob("*.yaml"))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"model": {"channels": 100_000_000}}, "model.channels must be at most 4096, got 100000000"),
        ({"model": {"widths": [8, -1]}}, "model.widths must be at least 1, got -1"),
        ({"data": {"search_area_scale": 1e6}}, "data.search_area_scale must be at most 32"),
        ({"data": {"clip_jitter": {"scale": 50}}}, "data.clip_jitter.scale must be at most 4, got 50"),
        ({"optimiser": {"rate": -1}}, "optimiser.rate must be at least 0, got -1"),
        ({"optimiser": {"weight_decay": -1}}, "optimiser.weight_decay must be at least 0"),
        ({"optimiser": {"rate": "nan"}}, "optimiser.rate must be at least 0, got nan"),
        ({"ema_decay": 1.5}, "ema_decay must be at most 1"),
        ({"data": {"appearance": {"gain": 1e9}}}, "data.appearance.gain must be at most 4"),
        ({"compute": {"threads": 100_000}}, "compute.threads must be at most 1024"),
    ],
)
def test_a_number_beyond_its_limits_is_named(written, said):
    with pytest.raises(ValueError, match=said):
        check_limits(settings_from(written))


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_the_configs_that_ship_are_within_the_limits(file):
    check_limits(read_settings(file))
    check_limits(TrainingSettings())
