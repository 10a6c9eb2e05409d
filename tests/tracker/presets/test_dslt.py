"""The presets of the DSLT family: what they differ in, and errors that help."""

import pytest

from tests.material.dslt import load
from tracker import load_tracker
from tracker.dslt import DSLTTracker
from tracker.presets.dslt import CODE, PAPER


def test_a_preset_that_stands_for_a_loss_asks_for_it():
    assert isinstance(load_tracker("dslt", backbone="hog+color"), DSLTTracker)
    for name in ("dslt-paper", "dslt-code"):
        with pytest.raises(ValueError, match=r"criterion=build_loss\('shrinkage'"):
            load_tracker(name, backbone="hog+color")


def test_presets_differ_where_paper_and_code_do():
    paper, code = load("dslt-paper"), load("dslt-code")
    assert (paper.features.level_settings.fusion, code.features.level_settings.fusion) == (
        (1.0, 1.0),
        (0.8, 0.2),
    )
    assert (
        paper.features.level_settings.reduction_kernel,
        code.features.level_settings.reduction_kernel,
    ) == (1, 3)
    assert (paper.solver.update_rate, code.solver.update_rate) == (0.25, 0.5)
    assert (paper.solver.code_slope, code.solver.code_slope) == (False, True)
    assert paper.solver.frozen_correction
    assert code.solver.frozen_correction
    assert not CODE.keys() & {"memory_size", "scale_step"}  # where both agree
    assert PAPER.keys() & {"solver", "reduction"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"crop_size": 198}, "multiple of the backbone's stride"),
        ({"padding": "circular"}, "padding must be one of same, valid, got 'circular'"),
        ({"search_area_scale": 1.0}, "search_area_scale must be > 1"),
        ({"first_weight": 0.0}, "first_weight must be > 0"),
        ({"memory_size": 0}, "memory_size must be at least 1"),
        ({"update_interval": 0}, "update_interval must be at least 1"),
        ({"output_sigma_factor": 0}, "output_sigma_factor must be > 0"),
        ({"scale_rate": 0}, "scale_rate must be > 0"),
        ({"num_scales": 2}, "num_scales must be odd"),
        ({"reduction": "pac"}, "reduction must be one of pca, random"),
        ({"channels": 0}, "channels must be at least 1"),
        ({"reduction_kernel": 3}, "reduction_kernel must be 1 for 'pca'"),
        ({"backbone": "gray"}, "backbone must have two levels"),
        ({"solver": "adm"}, "did you mean 'adam'"),
        ({"update_intervall": 2}, "did you mean 'update_interval'"),
    ],
)
def test_a_setting_out_of_range_or_misspelt_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        load(**settings)
