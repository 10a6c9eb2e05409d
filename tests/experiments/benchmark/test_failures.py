"""Trackers and sequences that fail harm nothing but their own runs."""

import json

import pytest

from tests.material.benchmarks import benchmark, results
from tests.material.trees import box_lines, encoded, make_otb

BAD = {
    "Raises": "KeyError: 'no such peak' (frame 2)",
    "Leaves": "SystemExit: 0 (frame 2)",
    "Interrupts": "KeyboardInterrupt: (frame 2)",
    "Hangs": "no answer within 1 s in frame 2",
    "Dies": "the process crashed (signal SIGABRT) in frame 2",
    "Ends": "the process crashed (exit status 0) in frame 2",
    "Slams": "the process crashed (exit status ",
    "Nan": "returned bbox [nan, nan, nan, nan], expected 4 finite numbers",
    "Nothing": "returned bbox nan, expected 4 finite numbers",
    "Words": "could not convert string to float: 'over there' (frame 2)",
    "Corners": "returned bbox [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], expected 4 finite numbers",
}


def test_bad_trackers_harm_nothing_but_their_runs(tmp_path, peers, capsys):
    make_otb(tmp_path / "root", "bad")
    make_otb(tmp_path / "root", "tiny", frames=2)
    names = ["identity", *(f"peers_of_test:{name}" for name in BAD)]
    assert benchmark(tmp_path, "--trackers", ",".join(names), "--timeout", "1") == 1
    err, folder = capsys.readouterr().err, results(tmp_path, "folder")
    for tracker, said in BAD.items():
        assert f"{tracker} failed on bad: " in err
        failures = json.loads((folder / tracker / "failures.json").read_text())
        assert failures.keys() == {"bad"}
        assert said in failures["bad"]
        assert (folder / tracker / "tiny.txt").is_file()
        assert not (folder / tracker / "bad.txt").exists()
    assert len(list((folder / "identity").glob("*.txt"))) == 2
    assert not (folder / "identity" / "failures.json").exists()


def test_broken_sequences_are_recorded_and_forgotten_once_they_work(tmp_path, capsys):
    make_otb(tmp_path / "root", "good")
    cut = make_otb(tmp_path / "root", "cut")
    (cut / "img" / "0003.jpg").write_bytes(encoded()[:400])
    short = make_otb(tmp_path / "root", "short", boxes=box_lines(7))
    late = make_otb(tmp_path / "root", "late", boxes="nan nan nan nan\n" + box_lines(5))
    assert benchmark(tmp_path, "--trackers", "identity") == 1
    folder = results(tmp_path, "folder", "identity")
    failures = json.loads((folder / "failures.json").read_text())
    assert "image is cut short" in failures["cut"]
    assert "7 boxes for 6 images" in failures["short"]
    assert "late has no box in its first frame" in failures["late"]
    assert (folder / "good.txt").is_file()
    (cut / "img" / "0003.jpg").write_bytes(encoded())
    for sequence in (short, late):
        (sequence / "groundtruth_rect.txt").write_text(box_lines(6))
    assert benchmark(tmp_path, "--trackers", "identity") == 0
    assert not (folder / "failures.json").exists()


def test_images_without_a_box_are_named(tmp_path, capsys):
    make_otb(tmp_path / "root", "Car4", frames=12, boxes=box_lines(5))
    assert benchmark(tmp_path, "--trackers", "identity") == 0
    assert "warning: Car4: 7 of 12 images have no box" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["1,2,3,4\n", "one,two,three,four\n" * 6])
def test_a_spoilt_result_is_named(tmp_path, capsys, text):
    make_otb(tmp_path / "root", "Car4")
    benchmark(tmp_path, "--trackers", "identity")
    results(tmp_path, "folder", "identity", "Car4.txt").write_text(text)
    assert benchmark(tmp_path, "--trackers", "identity") == 1
    assert "Car4.txt" in capsys.readouterr().err
