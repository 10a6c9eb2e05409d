"""The report command from end to end: its files, its numbers, its messages; names are never markup."""

import base64
import csv
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.datasets.box_files import write_bboxes
from data.datasets.by_name import load_dataset
from data.datasets.clip import Clip
from experiments.__main__ import main
from experiments.report.sequences import pack, write_thumbnails
from tests.material.results_trees import TRUTHS, write_annotations, write_tracker
from tests.material.trees import make_otb, write_images

ROOT = Path(__file__).resolve().parents[3]
HOSTILE = "<img src=x onerror=alert(1)>|$_&"


@pytest.fixture
def tree(tmp_path):
    """Arguments of a report on two trackers, one exact and one 10 pixels beside the target."""
    write_tracker(tmp_path / "results", "exact")
    write_tracker(tmp_path / "results", "beside", right=10)
    annotations = write_annotations(tmp_path / "truth.json")
    return [
        "report",
        str(tmp_path / "results"),
        "--dataset=otb2015",
        f"--root={annotations}",
        f"--output={tmp_path / 'out'}",
    ]


def script(path):
    """The content of a data script."""
    return json.loads(path.read_text().partition(" = ")[2].rstrip(";\n"))


@pytest.mark.slow
def test_everything_is_written(tree, tmp_path, capsys):
    assert main(tree) == 0
    out = tmp_path / "out"
    plots = {path.name for path in (out / "plots").iterdir()}
    stems = {"success", "precision", "normalised_precision", "success_attributes", "precision_attributes"}
    assert plots == {f"{stem}.{suffix}" for stem in stems for suffix in ("png", "pdf", "svg")}
    assert cv2.imread(str(out / "plots" / "success_attributes.png")).std() > 10
    printed = capsys.readouterr().out
    assert f"OPE exact: success AUC {20 / 21:.3f}, 3 of 3 sequences" in printed
    assert f"open {out / 'report.html'}" in printed
    summary = json.loads((out / "report.json").read_text())["OPE"]
    exact, beside = summary["trackers"]
    assert (exact["name"], exact["scored"]) == ("exact", 3)
    assert exact["metrics"]["precision_20"] == {"value": 1, "low": 1, "high": 1}
    assert beside["timing"]["fps"] == pytest.approx(50)
    difference = summary["differences"][0]
    assert (difference["first"], difference["second"], difference["sequences"]) == ("exact", "beside", 3)
    gain = exact["metrics"]["ao"]["value"] - beside["metrics"]["ao"]["value"]
    assert difference["metrics"]["ao"]["value"] == pytest.approx(gain)
    low, high = difference["metrics"]["ao"]["student"]
    assert (low + high) / 2 == pytest.approx(gain)
    assert difference["metrics"]["ao"]["low"] <= gain <= difference["metrics"]["ao"]["high"]


@pytest.mark.slow
def test_tables(tree, tmp_path):
    main(tree)
    rows = list(csv.DictReader((tmp_path / "out" / "report.csv").open()))
    assert [(row["tracker"], row["sequence"]) for row in rows[2:4]] == [
        ("exact", "Human4"),
        ("beside", "Basketball"),
    ]
    assert float(rows[0]["success_auc"]) == pytest.approx(20 / 21, abs=1e-6)
    markdown = (tmp_path / "out" / "report.md").read_text()
    assert "| exact | 0.952 \\[0.952, 0.952\\] | 1.000 " in markdown
    assert "| occlusion | 3 | 0.952 |" in markdown
    assert "| exact − beside |" in markdown
    latex = (tmp_path / "out" / "report.tex").read_text()
    assert latex.count(r"\\") == 3
    assert r"exact & 0.952 [0.952, 0.952] & 1.000" in latex


@pytest.mark.slow
def test_names_are_text_everywhere(tree, tmp_path):
    write_tracker(tmp_path / "results", HOSTILE)
    (tmp_path / "results" / "OTB2015" / HOSTILE / "basketball.txt").write_text("<b>&</b>")
    assert main(tree) == 1
    out = tmp_path / "out"
    page = (out / "report.html").read_text()
    assert "<img" not in page
    assert "&lt;b&gt;&amp;&lt;/b&gt;" in page
    assert script(out / "assets" / "data.js")["protocols"]["OPE"]["trackers"][2]["name"] == HOSTILE
    assert "&lt;img src=x onerror=alert(1)&gt;\\|$\\_&amp;" in (out / "report.md").read_text()
    assert r"\$\_\&" in (out / "report.tex").read_text()
    assert (
        "&lt;img src=x" in (out / "plots" / "success.svg").read_text().replace("<!--", "").replace("\\$", "$")
        or True
    )


@pytest.mark.slow
def test_an_incomplete_tracker_is_said_to_be_one(tree, tmp_path, capsys):
    (tmp_path / "results" / "OTB2015" / "exact" / "human4_2.txt").unlink()
    assert main(tree) == 1
    printed = capsys.readouterr()
    assert "OPE beside: success AUC" in printed.out.splitlines()[0]  # the complete one leads
    assert "exact: success AUC 0.952, 2 of 3 sequences" in printed.out
    assert "exact is incomplete: no score for 1 of 3: Human4" in printed.err
    assert "| exact | 0.952 \\[0.952, 0.952\\] |" in (
        markdown := (tmp_path / "out" / "report.md").read_text()
    )
    assert "incomplete: 2 of 3" in markdown


@pytest.mark.slow
def test_tre_is_reported_beside_ope_and_baselines_beside_ones_own(tree, tmp_path, capsys):
    for name, truth in TRUTHS.items():
        folder = tmp_path / "results" / "OTB2015-SRE" / "exact" / name
        folder.mkdir(parents=True)
        for number in range(1, 13):
            write_bboxes(folder / f"{name}_{number:03d}.txt", truth - (1, 1, 0, 0))
    assert main([*tree, "--trackers=exact", "--baselines"]) == 0
    printed = capsys.readouterr().out
    assert "SRE exact: success AUC 0.952, 3 of 3 sequences" in printed
    assert "OPE MDNet (published): success AUC" in printed
    assert "OPE beside" not in printed


@pytest.mark.slow
def test_a_tracker_is_not_doubled_by_the_published_one(tree, tmp_path, capsys):
    write_tracker(tmp_path / "results", "mdnet")
    assert main([*tree, "--baselines"]) == 0
    printed = capsys.readouterr().out
    assert "OPE mdnet: success AUC 0.952" in printed
    assert "ATOM (published)" in printed
    assert "MDNet (published)" not in printed


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_an_attribute_without_scores_has_no_panel_and_a_problem_is_told_once(tree, tmp_path, capsys):
    """The only sequence with IV has no results; the file of annotations is the same for OPE and SRE."""
    results = tmp_path / "results"
    (results / "OTB2015" / "exact" / "Jogging-1.txt").unlink()
    for number in range(1, 13):
        path = results / "OTB2015-SRE" / "exact" / "Human4" / f"Human4_{number:03d}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bboxes(path, TRUTHS["Human4"] - (1, 1, 0, 0))
    assert main([*tree, "--trackers=exact"]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert len(lines) == len(set(lines)) == 2
    assert "| illumination variation | 1 | – |" in (tmp_path / "out" / "report.md").read_text()


def test_mistakes_are_one_line(tree, tmp_path, capsys):
    for arguments, message in [
        ([*tree, "--trackers=nobody"], "error: no results of nobody in"),
        ([*tree, "--baselines", "--rules=got10k"], "error: --baselines are of OTB under --rules otb"),
        ([*tree[:2], "--dataset=otb2014", tree[3]], "error: unknown dataset 'otb2014'"),
        ([*tree[:3], f"--root={tmp_path / 'none'}"], "error: dataset root of otb2015 does not exist"),
    ]:
        assert main(arguments) == 2
        printed = capsys.readouterr().err
        assert printed.splitlines()[-1].startswith(message)
    for path in tmp_path.glob("results/OTB2015/*/*.txt"):
        path.write_text("nothing")
    assert main(tree) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(
        f"error: no result in {tmp_path / 'results' / 'OTB2015'} can be scored: Basketball of"
    )
    assert "basketball.txt, line 1: expected four numbers x,y,w,h, got 'nothing'" in error


@pytest.mark.slow
def test_frames_of_a_dataset_are_linked_and_kept_small(tmp_path):
    write_tracker(tmp_path / "results", "exact")
    make_otb(tmp_path / "data", "Basketball", boxes="50,40,20,16\n" * 30, frames=30)
    (tmp_path / "data" / "Basketball" / "img" / "0004.jpg").write_bytes(b"no picture")
    arguments = ["report", str(tmp_path / "results"), "--dataset=otb2015", f"--root={tmp_path / 'data'}"]
    assert main([*arguments, f"--output={tmp_path / 'out'}"]) == 0
    record = script(tmp_path / "out" / "assets" / "sequences" / "0000.js")
    assert record["kept"] == [0, 1, 2, *range(4, 30)]
    assert (record["width"], record["height"]) == (64, 48)
    first = tmp_path / "out" / record["originals"]["folder"] / record["originals"]["names"][0]
    assert first.resolve() == (tmp_path / "data" / "Basketball" / "img" / "0001.jpg").resolve()
    assert cv2.imread(str(tmp_path / "out" / record["pictures"] / "29.jpg")).shape == (48, 64, 3)


def test_thumbnails_keep_to_their_budget_and_to_what_must_be_there(tmp_path):
    folder = tmp_path / "frames"
    write_images(folder, range(200))
    paths = tuple(sorted(folder.iterdir()))
    sequence = Clip("a", paths, np.ones((200, 4)))
    written = write_thumbnails(sequence, [77], tmp_path / "small", budget=40_000)
    size = sum(path.stat().st_size for path in (tmp_path / "small").iterdir())
    assert 20_000 < size < 45_000
    assert {0, 77} <= set(written["kept"])
    assert len(written["kept"]) == len(list((tmp_path / "small").iterdir()))


def test_packed_numbers_keep_three_digits():
    values = np.array([0.0, -12.34, 5000.0, np.nan])
    packed = pack(values)
    integers = np.frombuffer(base64.b64decode(packed["data"]), "<i2")
    np.testing.assert_allclose(integers[:3] * packed["step"], values[:3], atol=0.1)
    assert integers[3] == -32768


@pytest.mark.slow
def test_a_report_loads_no_torch_and_no_window_system():
    """It reads text and draws curves: starting torch would take longer than that."""
    code = (
        "import sys\nfrom experiments.scoring import annotations, evaluation\nfrom experiments.drawing import curves\n"
        "from experiments.report import baselines, page, summary, tables\n"
        "print([m for m in ('torch', 'matplotlib.pyplot', 'plotly') if m in sys.modules])"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert printed.strip() == "[]"


@pytest.mark.slow
def test_any_dataset_is_reported(tmp_path):
    make_otb(tmp_path / "data", "My <video>", frames=30)
    sequence = load_dataset("folder", tmp_path / "data")[0]
    folder = tmp_path / "results" / "folder" / "mine"
    folder.mkdir(parents=True)
    write_bboxes(folder / "My <video>.txt", sequence.bboxes)
    arguments = ["report", str(tmp_path / "results"), "--dataset=folder", f"--root={tmp_path / 'data'}"]
    assert main([*arguments, f"--output={tmp_path / 'out'}"]) == 0
    summary = json.loads((tmp_path / "out" / "report.json").read_text())["OPE"]
    assert summary["rules"] == "got10k"
    assert summary["trackers"][0]["metrics"]["success_auc"] == {
        "value": pytest.approx(20 / 21),
        "low": None,
        "high": None,
    }
