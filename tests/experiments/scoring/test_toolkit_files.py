"""Result files of OTB's own toolkits: JSON and .mat, scored by the frames that each run says it covers."""

import json

import numpy as np
import pytest
from scipy.io import savemat

from data.boxes import to_one_based
from data.datasets.clip import Clip
from experiments.scoring.result_files import read_runs
from experiments.scoring.toolkit_files import read_toolkit_runs

TRUTH = np.array([[10.0 + frame, 20, 30, 40] for frame in range(50)])
DEER = Clip("Deer", (), TRUTH)
STARTS = [0, *range(2, 21)]  # not the 20 that follow from the truth alone


def runs_of(starts):
    """A run from each start whose boxes are the truth, as the toolkits count pixels."""
    return [to_one_based(TRUTH[start:]) for start in starts]


def write_json(path, runs, kind="rect"):
    content = [
        {"tracker": "CT", "startFrame": 51 - len(one), "endFrame": 50, "resType": kind, "res": one.tolist()}
        for one in runs
    ]
    path.write_text(json.dumps(content))


def write_mat(path, runs):
    cells = np.empty((1, len(runs)), dtype=object)
    for number, one in enumerate(runs):
        cells[0, number] = {"res": one, "type": "rect", "len": len(one), "startFrame": 51 - len(one)}
    savemat(path, {"results": cells})


@pytest.mark.parametrize(("write", "name"), [(write_json, "Deer.json"), (write_mat, "deer_CT.mat")])
def test_each_run_meets_the_truth_of_its_own_frames(tmp_path, write, name):
    write(tmp_path / name, runs_of(STARTS))
    problems = []
    found = read_runs(tmp_path, {"Deer": DEER}, "tre", "otb", problems)
    assert problems == []
    assert [len(truth) for _, truth in found["Deer"]] == [50 - start for start in STARTS]
    for bboxes, truth in found["Deer"]:
        np.testing.assert_allclose(bboxes, truth)


def test_a_run_that_ends_early_meets_the_frames_it_has(tmp_path):
    runs = runs_of([0] * 12)
    write_json(tmp_path / "Deer.json", runs)
    content = json.loads((tmp_path / "Deer.json").read_text())
    del content[3]["res"][40:]
    (tmp_path / "Deer.json").write_text(json.dumps(content))
    bboxes, truth = read_toolkit_runs(tmp_path / "Deer.json", TRUTH, "sre")[3]
    np.testing.assert_allclose(bboxes, truth)
    assert len(truth) == 40


def test_the_first_run_of_tre_is_ope(tmp_path):
    write_mat(tmp_path / "deer_CT.mat", runs_of(STARTS))
    ((bboxes, truth),) = read_toolkit_runs(tmp_path / "deer_CT.mat", TRUTH, "ope")
    assert len(bboxes) == len(truth) == 50


def test_what_cannot_be_scored_is_said(tmp_path):
    path = tmp_path / "Deer.json"
    for write, said in (
        (lambda: write_json(path, runs_of([0] * 11)), "SRE asks for 12 runs, got 11"),
        (lambda: write_json(path, runs_of([0] * 12), "ivtAff"), r"run 1: only rectangles .* ivtAff"),
        (lambda: write_json(path, [np.ones((51, 4))] * 12), "51 rows for 51 frames, of 50 annotated"),
        (lambda: path.write_text('{"a": 1}'), "no result file of OTB's toolkit"),
        (lambda: path.write_text("nonsense"), "no result file of OTB's toolkit"),
    ):
        write()
        with pytest.raises(ValueError, match=said):
            read_toolkit_runs(path, TRUTH, "sre")
    (tmp_path / "deer_CT.mat").write_bytes(b"nonsense" * 40)
    with pytest.raises(ValueError, match="no result file of OTB's toolkit"):
        read_toolkit_runs(tmp_path / "deer_CT.mat", TRUTH, "sre")


def test_a_run_of_tre_with_fewer_rows_is_not_scored_against_other_frames(tmp_path):
    (tmp_path / "Deer").mkdir()
    for number, boxes in enumerate(runs_of(STARTS), 1):  # as an earlier toolbox started them
        np.savetxt(tmp_path / "Deer" / f"Deer_{number:03d}.txt", boxes, delimiter=",")
    problems = []
    assert read_runs(tmp_path, {"Deer": DEER}, "tre", "otb", problems) == {}
    assert "the file ends after" in problems[0]
