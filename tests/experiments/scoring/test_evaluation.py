"""From files to scores: the published figures, got10k's figures, and files that are not as they should be."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from got10k.experiments import ExperimentOTB
from got10k.utils.metrics import center_error, rect_iou

from data.boxes import from_one_based, to_one_based
from data.datasets.box_files import read_bboxes, write_bboxes
from experiments.report.summary import summarise
from experiments.scoring.annotations import read_annotations
from experiments.scoring.evaluation import evaluate
from experiments.scoring.metrics import score, usual_rules
from experiments.scoring.protocols import SRE_SHIFTS, tre_starts
from experiments.scoring.result_files import find_runs, find_trackers, present_protocols, read_times
from experiments.scoring.timing import Timing
from tests.material.results_trees import GIVEN_NAMES, TRUTHS, write_annotations, write_tracker
from tests.material.trees import make_got10k

ROOT = Path(__file__).resolve().parents[3]

PUBLISHED = {
    "ATOM": (0.667, 0.879),
    "MDNet": (0.678, 0.909),
    "SiamFC": (0.587, 0.772),
    "STRUCK": (0.462, 0.640),
}


@pytest.fixture
def annotations(tmp_path):
    return read_annotations("otb2015", write_annotations(tmp_path / "truth.json"))


@pytest.fixture(scope="module")
def otb100(shared):
    return read_annotations("otb2015", shared / "results" / "OTB2015" / "ground_truth.json")


def evaluate_all(results, annotations, rules="otb", protocol="ope"):
    folders = find_trackers(present_protocols(results, annotations.results_name)[protocol])
    return evaluate(folders, annotations, rules, protocol)


@pytest.mark.real
@pytest.mark.slow
def test_the_published_figures(shared, otb100):
    evaluation = evaluate_all(shared / "results", otb100)
    means = evaluation.means()
    assert len(evaluation.attributes) == 100
    for tracker, (auc, precision) in PUBLISHED.items():
        assert means[tracker].success_auc == pytest.approx(auc, abs=0.001), tracker
        assert means[tracker].precision_20 == pytest.approx(precision, abs=0.001), tracker
    short = [line.split("/")[-2:] for line in evaluation.problems]
    assert [" ".join(parts).split(":")[0] for parts in short] == [
        "MDNet Board.txt, line 698",
        "MDNet Twinnings.txt, line 472",
        "STRUCK ClifBar.txt, line 330",
    ]
    counts = {
        "IV": 38,
        "SV": 64,
        "OCC": 49,
        "DEF": 44,
        "MB": 29,
        "FM": 39,
    }  # as the benchmark's paper has them
    counts |= {"IPR": 51, "OPR": 63, "OV": 14, "BC": 31, "LR": 9}
    assert {name: len(evaluation.with_attribute(name)) for name in counts} == counts


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("tracker", PUBLISHED)
def test_got10ks_figures(shared, otb100, tracker):
    """Frame by frame its own functions, on copies: they clip in place. It refuses files that end early."""
    experiment = ExperimentOTB.__new__(ExperimentOTB)
    experiment.nbins_iou, experiment.nbins_ce = 21, 51
    runs, _ = find_runs(shared / "results" / "OTB2015" / tracker)
    compared = 0
    for name, annotation in otb100.sequences.items():
        predicted = read_bboxes(runs[name][0])
        if len(predicted) != len(annotation.bboxes):
            continue
        # It measures the distance to a box of no size, which stands for an absent target; we leave it out.
        present = np.isfinite(annotation.bboxes[:, 0])
        theirs, truth = to_one_based(predicted)[present], to_one_based(annotation.bboxes)[present]
        theirs[0] = truth[0]
        success, precision = experiment._calc_curves(
            rect_iou(theirs.copy(), truth.copy()), center_error(theirs.copy(), truth.copy())
        )
        ours = score(predicted, annotation.bboxes, "got10k")
        np.testing.assert_allclose(ours.success, success, atol=1e-6)
        np.testing.assert_allclose(ours.precision, precision, atol=1e-6)
        compared += 1
    assert compared >= 98


@pytest.mark.real
@pytest.mark.slow
def test_the_published_figures_of_atom_on_lasot(shared, tmp_path):
    with tarfile.open(shared / "results" / "LaSOT" / "lasot_test_atom.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    entries = {}
    for name in (tmp_path / "testing_set.txt").read_text().split():
        boxes = np.loadtxt(tmp_path / "annotations" / f"{name}.txt", delimiter=",")
        absent = np.loadtxt(tmp_path / "annotations" / "absent" / f"{name}.txt") == 1
        boxes[absent] = np.nan
        entries[name] = {"gt_rect": boxes.tolist()}
    (tmp_path / "lasot.json").write_text(json.dumps(entries))
    (tmp_path / "results").mkdir()
    (tmp_path / "ATOM").rename(tmp_path / "results" / "ATOM")
    annotations = read_annotations("lasot", tmp_path / "lasot.json")
    evaluation = evaluate([tmp_path / "results" / "ATOM"], annotations, usual_rules("lasot"))
    mean = evaluation.means()["ATOM"]
    assert len(evaluation.results[0].scores) == 280
    found = (mean.success_auc, mean.precision_20, mean.normalised_precision_20)
    assert found == pytest.approx((0.5143, 0.5054, 0.5768), abs=5.1e-5)


@pytest.mark.real
@pytest.mark.slow
def test_the_published_figures_of_ocean_on_vot2019(shared, tmp_path):
    with tarfile.open(shared / "results" / "VOT2019" / "vot2019_ocean.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    annotations = read_annotations("vot", next(tmp_path.rglob("VOT2019.json")))
    assert annotations.sequences["agility"].attributes == ("camera_motion", "motion_change", "occlusion")
    evaluation = evaluate([tmp_path / "VOT2019" / "Ocean"], annotations, usual_rules("vot"))
    resets = evaluation.results[0].resets
    assert resets.accuracy == pytest.approx(0.589, abs=5e-4)
    assert resets.failures == 82
    assert resets.eao == pytest.approx(0.299357, abs=1e-6)  # by the second program below
    scores = {name: (one.accuracy, one.failures) for name, one in resets.by_attribute.items()}
    # As a second program found them, written from the toolkit's source, that goes through the frames one by one.
    assert scores == {
        "camera_motion": (pytest.approx(0.6153, abs=5e-5), 25),
        "illum_change": (pytest.approx(0.5644, abs=5e-5), 3),
        "motion_change": (pytest.approx(0.5720, abs=5e-5), 42),
        "occlusion": (pytest.approx(0.4956, abs=5e-5), 19),
        "size_change": (pytest.approx(0.5810, abs=5e-5), 3),
        "empty": (pytest.approx(0.5892, abs=5e-5), 9),
    }
    left_out = [line for line in evaluation.problems if "is left out" in line]
    assert [line.split(" of Ocean")[0] for line in left_out] == ["a run of fish1"]


def test_corners_in_an_annotations_file_are_read_as_regions(tmp_path):
    corners = [21, 11, 41, 11, 41, 31, 21, 31]
    (tmp_path / "VOT2018.json").write_text(
        json.dumps({"ball": {"gt_rect": [corners] * 3, "occlusion": [0, 1, 0]}})
    )
    annotations = read_annotations("vot", tmp_path / "VOT2018.json")
    ball = annotations.sequences["ball"]
    assert ball.bboxes.shape == (3, 4)
    np.testing.assert_allclose(
        ball.bboxes[0], [19.5, 9.5, 21, 21]
    )  # the region's area, and one as trackers add
    np.testing.assert_array_equal(ball.regions[0], np.subtract(corners, 1))
    assert ball.tags["occlusion"].tolist() == [False, True, False]
    assert (ball.attributes, annotations.year) == (("occlusion",), 2018)
    (tmp_path / "VOT2018.json").write_text(json.dumps({"ball": {"gt_rect": [corners[:6]] * 3}}))
    with pytest.raises(ValueError, match="sequence ball: gt_rect must be a list of boxes"):
        read_annotations("vot", tmp_path / "VOT2018.json")


@pytest.mark.parametrize("folder", ["NfS/30", "nfs30"])
def test_a_folder_within_a_folder_is_found(tmp_path, folder):
    (tmp_path / folder / "mine").mkdir(parents=True)
    assert present_protocols(tmp_path, "NfS/30") == {"ope": tmp_path / folder}


def test_others_names_are_understood(annotations, tmp_path):
    write_tracker(tmp_path, "Still")
    evaluation = evaluate_all(tmp_path, annotations)
    assert list(evaluation.attributes) == list(TRUTHS)
    assert evaluation.results[0].scores.keys() == TRUTHS.keys()
    assert evaluation.problems == ()
    assert evaluation.results[0].timing.fps == pytest.approx(50)


@pytest.mark.parametrize("separator", [",", "\t", " ", ", "])
def test_separators(annotations, tmp_path, separator):
    folder = write_tracker(tmp_path, "Still", right=3)
    for path in folder.glob("*.txt"):
        path.write_text(path.read_text().replace(",", separator))
    scores = evaluate_all(tmp_path, annotations).results[0].scores
    assert scores["Basketball"].precision[3] == 1
    assert scores["Basketball"].precision[2] == pytest.approx(1 / 30)


def test_a_short_file_is_scored_by_otb_and_refused_by_got10k(annotations, tmp_path):
    folder = write_tracker(tmp_path, "Short")
    path = folder / "basketball.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:20]))
    by_otb = evaluate_all(tmp_path, annotations, "otb")
    assert by_otb.results[0].scores["Basketball"].frames == 20
    assert by_otb.problems == (f"{path}, line 21: ends after 20 of 30 frames; those are scored",)
    by_got10k = evaluate_all(tmp_path, annotations, "got10k")
    assert by_got10k.results[0].scores.keys() == {"Jogging.1", "Human4"}
    assert by_got10k.problems == (
        f"Basketball of Short is left out: {path}, line 21: the file ends after 20 of 30 frames",
        f"{folder} is incomplete: no score for 1 of 3: Basketball",
    )


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (7, "x,y,w,h", "{path}, line 7: expected four numbers x,y,w,h, got 'x,y,w,h'"),
        (7, "1,2,3", "{path}, line 7: expected four numbers x,y,w,h, got '1,2,3'"),
        (30, "1,2,3,4\n5,6,7,8", "{path}, line 31: 31 rows for 30 annotated frames"),
    ],
)
def test_a_bad_file_costs_its_sequence_only(annotations, tmp_path, line, text, message):
    folder = write_tracker(tmp_path, "Bad")
    write_tracker(tmp_path, "Good")
    path = folder / "basketball.txt"
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    path.write_text("\n".join(lines))
    evaluation = evaluate_all(tmp_path, annotations)
    bad, good = evaluation.results
    assert bad.scores.keys() == {"Jogging.1", "Human4"}
    assert good.scores.keys() == TRUTHS.keys()
    assert bad.problems == (
        f"Basketball of Bad is left out: {message.format(path=path)}",
        f"{folder} is incomplete: no score for 1 of 3: Basketball",
    )
    assert bad.lacks(evaluation.attributes)
    assert not good.lacks(evaluation.attributes)


def test_nan_boxes_are_noted(annotations, tmp_path):
    folder = write_tracker(tmp_path, "Lost")
    path = folder / "basketball.txt"
    lines = path.read_text().splitlines()
    lines[4:6] = ["nan,nan,nan,nan", "50,40,0,0"]
    path.write_text("\n".join(lines))
    assert evaluate_all(tmp_path, annotations, "otb").problems == (
        f"{path}, line 5: no valid box, as in 2 rows; the last valid box stands in",
    )
    evaluation = evaluate_all(tmp_path, annotations, "got10k")
    assert evaluation.problems == (
        f"{path}, line 5: no valid box, as in 2 rows; a miss where there is a target",
    )
    assert evaluation.results[0].scores["Basketball"].success[0] == pytest.approx(28 / 30)


def test_every_class_counts_the_same_in_mao(tmp_path):
    """GOT-10k: two ants, one followed and one missed, and a boat that is followed: (0.5 + 1) / 2, not 2/3."""
    names = make_got10k(tmp_path, "val", count=3, frames=4)
    for name, kind in zip(names, ("ant", "ant", "boat"), strict=True):
        about = tmp_path / "val" / name / "meta_info.ini"
        about.write_text(about.read_text() + f"object_class: {kind}\n")
        folder = tmp_path / "GOT-10k" / "Mine" / name
        folder.mkdir(parents=True)
        text = (tmp_path / "val" / name / "groundtruth.txt").read_text()
        (folder / f"{name}_001.txt").write_text("60,40,2,2\n" * 4 if name == names[1] else text)
    annotations = read_annotations("got10k", tmp_path, "val")
    evaluation = evaluate([tmp_path / "GOT-10k" / "Mine"], annotations, "got10k")
    assert evaluation.means()["Mine"].ao == pytest.approx(2 / 3)
    by_class = evaluation.class_means()["Mine"]
    assert (by_class.ao, by_class.sr_50) == (pytest.approx(0.75), pytest.approx(0.75))
    (tracker,) = summarise(evaluation, "got10k")["trackers"]
    assert tracker["by_class"] == {"mao": by_class.ao, "msr_50": by_class.sr_50, "msr_75": by_class.sr_75}


def test_time_files_of_all_kinds_side_by_side(tmp_path):
    for name, text in {
        "a": "9\n0.1\n0.1\n",
        "b": "9\n\n0.1\n0.1\n",  # an empty line is no line
        "c": "nan\nnan\n",
        "d": "9,nan\n0.1,nan\n",  # a second repetition that failed
        "e": "soon",
    }.items():
        (tmp_path / "times").mkdir(exist_ok=True)
        (tmp_path / "times" / f"{name}_time.txt").write_text(text)
    (tmp_path / "times" / "f_time.txt").mkdir()
    problems = []
    times = read_times(tmp_path, "abcdef", problems)
    assert times.keys() == {"a", "b", "d"}
    timing = Timing.of(*times["a"], *times["b"], *times["d"])
    assert timing.fps == pytest.approx(10)
    assert timing.p95_ms == pytest.approx(100)
    assert [Path(line.split(" is left out")[0]).name[0] for line in problems] == ["c", "e", "f"]
    assert "directory" in problems[-1]


def test_files_that_are_no_text_and_times_that_are_none(annotations, tmp_path):
    folder = write_tracker(tmp_path, "Odd")
    (folder / "basketball.txt").write_bytes(b"\xff\xfe\x00")
    (folder / "times" / "basketball_time.txt").write_text("soon")
    problems = evaluate_all(tmp_path, annotations).problems
    assert problems[0].endswith("is not a text file")
    assert problems[-1].endswith("basketball_time.txt is left out: expected a number of seconds a line")


def test_two_files_of_one_sequence(annotations, tmp_path):
    folder = write_tracker(tmp_path, "Twice")
    (folder / "jogging_1.txt").write_text("1,2,3,4\n")
    assert evaluate_all(tmp_path, annotations).problems == (
        f"{folder / 'jogging_1.txt'} is left out: Jogging-1.txt is of the same sequence",
    )


def test_means_by_attribute(annotations, tmp_path):
    write_tracker(tmp_path, "Still", right=3)
    evaluation = evaluate_all(tmp_path, annotations)
    assert evaluation.with_attribute("IV") == ["Jogging.1"]
    assert evaluation.means("IV")["Still"].frames == 25
    assert evaluation.means("LR") == {}
    table = evaluation.table("precision_20")
    assert table.shape == (1, 3)
    assert table.tolist() == [[1, 1, 1]]


@pytest.mark.parametrize(("protocol", "suffix"), [("tre", "-TRE"), ("sre", "-SRE")])
def test_several_runs_of_a_sequence(annotations, tmp_path, protocol, suffix):
    folder = tmp_path / f"OTB2015{suffix}" / "Still"
    for name, truth in TRUTHS.items():
        bboxes = from_one_based(truth)
        stretches = annotations.sequences[name].not_started_in
        starts = tre_starts(bboxes, stretches) if protocol == "tre" else [0] * len(SRE_SHIFTS)
        for number, start in enumerate(starts, 1):
            (folder / name).mkdir(parents=True, exist_ok=True)
            write_bboxes(folder / name / f"{name}_{number:03d}.txt", bboxes[start:])
    evaluation = evaluate_all(tmp_path, annotations, protocol=protocol)
    assert evaluation.problems == ()
    assert evaluation.means()["Still"].success_auc == pytest.approx(20 / 21)
    runs = len(tre_starts(from_one_based(TRUTHS["Human4"]))) if protocol == "tre" else 12
    (folder / "Human4" / f"Human4_{runs:03d}.txt").unlink()
    problem = evaluate_all(tmp_path, annotations, protocol=protocol).problems[0]
    assert problem == f"Human4 of Still is left out: {protocol.upper()} asks for {runs} runs, got {runs - 1}"


def test_got10k_pools_all_frames_of_all_repetitions(tmp_path):
    names = make_got10k(tmp_path / "data", count=2, frames=4)
    annotations = read_annotations("got10k", tmp_path / "data")
    for repetition, right in ((1, 0), (2, 5)):
        for name in names:
            folder = tmp_path / "results" / "GOT-10k" / "Mine" / name
            folder.mkdir(parents=True, exist_ok=True)
            boxes = annotations.sequences[name].bboxes + (right, 0, 0, 0)
            write_bboxes(folder / f"{name}_{repetition:03d}.txt", boxes)
    evaluation = evaluate_all(tmp_path / "results", annotations, "got10k")
    mean = evaluation.means()["Mine"]
    assert evaluation.by_frames
    assert mean.frames == 2 * 2 * 3
    assert mean.ao == pytest.approx((1 + 15 / 25) / 2)
    assert mean.sr_75 == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "must hold an object, got list"),
        ('{"a": {"gt_rect": [[1, 2]]}}', "sequence a: gt_rect must be a list of boxes"),
        ('{"a": 3}', "sequence a: gt_rect must be a list of boxes"),
    ],
)
def test_annotations_that_are_none(tmp_path, content, message):
    (tmp_path / "truth.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_annotations("otb2015", tmp_path / "truth.json")


def test_missing_folders_are_named(annotations, tmp_path):
    with pytest.raises(FileNotFoundError, match="results folder does not exist"):
        present_protocols(tmp_path / "none", "OTB2015")
    with pytest.raises(FileNotFoundError, match="got no folder OTB2015"):
        present_protocols(tmp_path, "OTB2015")
    write_tracker(tmp_path, "Still")
    with pytest.raises(FileNotFoundError, match=r"no results of Nobody in .*: there are Still"):
        find_trackers(tmp_path / "OTB2015", ["Nobody"])
    with pytest.raises(FileNotFoundError, match="annotations file does not exist"):
        read_annotations("otb2015", tmp_path / "none.json")


def test_a_shorter_list_of_otb_takes_its_sequences(tmp_path):
    path = write_annotations(tmp_path / "truth.json")
    entries = json.loads(path.read_text()) | {"biker": {"gt_rect": [[1, 2, 3, 4]]}}
    path.write_text(json.dumps(entries))
    assert "Biker" in read_annotations("otb50", path).sequences
    assert "Biker" not in read_annotations("otb2013", path).sequences
    assert GIVEN_NAMES.keys() <= read_annotations("otb100", path).sequences.keys()


MEASURED = """
import json, resource, sys
from pathlib import Path
from experiments.scoring.annotations import read_annotations
from experiments.scoring.evaluation import evaluate
from experiments.scoring.result_files import find_trackers, present_protocols
from experiments.report.summary import summarise
if __name__ == "__main__":
    root = Path(sys.argv[1])
    annotations = read_annotations("otb2015", root / "truth.json")
    folders = find_trackers(present_protocols(root, annotations.results_name)["ope"])
    summary = summarise(evaluate(folders, annotations, "otb", "ope"), "otb2015")
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = sum(one.ru_utime + one.ru_stime for one in used)
    # Not ru_maxrss of this process: Linux starts it at the size of the process that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    kilobytes = max(int(status["VmHWM"].split()[0]), used[1].ru_maxrss)
    counts = [len(summary[name]) for name in ("trackers", "differences")]
    print(json.dumps([seconds, kilobytes, *counts]))
"""


@pytest.mark.slow
def test_a_hundred_sequences_of_thirty_trackers_take_seconds_and_little_memory(tmp_path):
    """10 seconds of processor time; one core of a busy machine took 4 when this was written."""
    truths = {f"s{number}": np.tile([50.0, 40, 20, 16], (590, 1)) for number in range(100)}
    write = {name: {"gt_rect": truth.tolist()} for name, truth in truths.items()}
    (tmp_path / "truth.json").write_text(json.dumps(write))
    boxes = np.random.default_rng(0).normal([50, 40, 20, 16], 1, (590, 4))
    text = "".join(",".join(f"{value:.3f}" for value in row) + "\n" for row in boxes)
    for tracker in range(30):
        folder = tmp_path / "OTB2015" / f"tracker{tracker}"
        folder.mkdir(parents=True)
        for name in truths:
            (folder / f"{name}.txt").write_text(text)
    # A process of its own: the memory of this one and of its other children is not this command's.
    command = [sys.executable, "-c", MEASURED, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, kilobytes, trackers, differences = json.loads(done.stdout)
    assert seconds < 10
    assert kilobytes < 1_000_000
    assert trackers == 30
    assert differences == 30 * 29 / 2
