"""The stored baselines are what this harness makes of the published boxes, and this is how their file was made."""

import json
from dataclasses import replace

import numpy as np
import pytest

from experiments.report.baselines import read_baselines, with_baselines
from experiments.scoring.annotations import read_annotations
from experiments.scoring.evaluation import Evaluation, evaluate
from experiments.scoring.metrics import score_runs
from experiments.scoring.result_files import find_trackers

CURVES = ("success", "precision", "normalised_precision", "rate")


def stored(score):
    """A score as the file holds it: of each curve in how many frames each threshold is the first passed."""
    counts = {name: np.rint(getattr(score, name) * score.frames).astype(int) for name in CURVES}
    steps = {name: np.diff(count, prepend=0).tolist() for name, count in counts.items()}
    return {"frames": score.frames, "ao": round(score.ao, 6), **steps}


def test_a_stored_score_is_the_score(tmp_path):
    truth = np.tile([20.0, 10, 20, 16], (30, 1))
    (score,) = score_runs([(truth + np.arange(30)[:, None] * (1, 0, 0, 0), truth)], "otb")
    (tmp_path / "one.json").write_text(json.dumps({"trackers": {"mine": {"ball": stored(score)}}}))
    read = read_baselines(tmp_path / "one.json")["mine"]["ball"]
    for name in CURVES:
        np.testing.assert_allclose(getattr(read, name), getattr(score, name), atol=1e-12)
    assert read.ao == pytest.approx(score.ao, abs=1e-6)


@pytest.mark.real
@pytest.mark.slow
def test_the_stored_baselines_are_the_published_boxes(shared):
    annotations = read_annotations("otb2015", shared / "results" / "OTB2015" / "ground_truth.json")
    evaluation = evaluate(find_trackers(shared / "results" / "OTB2015"), annotations)
    baselines = read_baselines()
    for one in evaluation.results:
        for sequence, score in one.scores.items():
            assert stored(baselines[one.name][sequence]) == stored(score)
    mine = tuple(replace(one, name=f"my {one.name}") for one in evaluation.results)
    means = with_baselines(replace(evaluation, results=mine), "otb2015").means()
    for name in baselines:
        assert means[f"{name} (published)"].success_auc == pytest.approx(
            means[f"my {name}"].success_auc, abs=1e-9
        )
    assert with_baselines(evaluation, "otb2015").results == evaluation.results  # all are there already


def test_baselines_are_of_otb_by_otbs_rules():
    with pytest.raises(ValueError, match="--baselines are of OTB under --rules otb, got lasot"):
        with_baselines(Evaluation("ope", "lasot", False, {}, ()), "lasot")
