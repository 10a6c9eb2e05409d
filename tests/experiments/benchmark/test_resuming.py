"""What becomes of results that are there already: kept, done again, replaced, or refused."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from experiments.__main__ import main
from tests.material.benchmarks import benchmark, results
from tests.material.trees import encoded, make_otb

ROOT = Path(__file__).resolve().parents[3]


def test_what_is_done_is_kept_and_what_is_lost_is_done_again(tmp_path, capsys):
    for name in ("one", "two"):
        make_otb(tmp_path / "root", name)
    benchmark(tmp_path, "--trackers", "identity")
    folder = results(tmp_path, "folder", "identity")
    (folder / "two.txt").unlink()
    (folder / ".two.4194305.partial.txt").write_text(
        "1,2"
    )  # of a process that is gone: numbers end at 4194304
    before = (folder / "one.txt").stat().st_mtime_ns
    assert benchmark(tmp_path, "--trackers", "identity") == 0
    assert "1 of 2 runs are done already" in capsys.readouterr().out
    assert (folder / "one.txt").stat().st_mtime_ns == before
    assert sorted(path.name for path in folder.iterdir()) == ["one.txt", "run.json", "times", "two.txt"]


@pytest.mark.slow
def test_killed_at_random_it_ends_with_the_same_bytes(tmp_path, peers):
    for index in range(6):
        make_otb(tmp_path / "root", f"s{index}", frames=40 + 10 * index)
    command = [sys.executable, "-m", "experiments", "benchmark", "--dataset", "folder"]
    command += ["--root", str(tmp_path / "root"), "--trackers", "peers_of_test:Slow", "--workers", "2"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "modules")}

    def start(output):
        return subprocess.Popen(
            [*command, "--output", str(tmp_path / output)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    began = time.monotonic()
    assert start("whole").wait() == 0
    whole, rng = time.monotonic() - began, np.random.default_rng(0)
    for _ in range(3):
        process = start("killed")
        time.sleep(whole * rng.uniform(0.5, 1.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert start("killed").wait() == 0
    expected, got = (tmp_path / name / "results" / "folder" / "Slow" for name in ("whole", "killed"))
    assert {path.name: path.read_bytes() for path in expected.glob("*.txt")} == {
        path.name: path.read_bytes() for path in got.glob("*.txt")
    }
    assert {path.name for path in got.rglob("*")} == {path.name for path in expected.rglob("*")}


class TestResultsOfOthers:
    def test_results_of_other_settings_or_of_nobody(self, tmp_path, capsys):
        make_otb(tmp_path / "root", "Car4")
        benchmark(tmp_path, "--trackers", "gray")
        about = results(tmp_path, "folder", "gray", "run.json")
        run = json.loads(about.read_text())
        spoilt = {**run, "settings": {**run["settings"], "crop_size": 96}}
        old = {"tracker": "gray", "config": run["settings"], "checkpoint_sha256": None}
        for content, said in [
            (json.dumps(spoilt), "holds results of another settings (see its run.json)"),
            (json.dumps(old), "before version 1 of this record"),
            (json.dumps({**run, "version": 2}), "is of version 2, expected 1"),
            ("[]", "must hold an object, got list"),
            ("{", "is not JSON"),
            (json.dumps({**run, "data": []}), "does not say which data"),
        ]:
            about.write_text(content)
            assert benchmark(tmp_path, "--trackers", "gray") == 2
            assert said in (err := capsys.readouterr().err)
            assert "--overwrite to replace them" in err
        about.unlink()
        assert benchmark(tmp_path, "--trackers", "gray") == 2
        assert "results of unknown origin (no run.json)" in capsys.readouterr().err
        assert benchmark(tmp_path, "--trackers", "gray", "--overwrite") == 0
        assert json.loads(about.read_text())["settings"] == run["settings"]

    @pytest.mark.parametrize("protocol", ["ope", "tre"])
    def test_results_of_other_data(self, tmp_path, capsys, protocol):
        folder = make_otb(tmp_path / "root", "Car4", frames=24)
        make_otb(tmp_path / "root", "Boy", frames=24)
        arguments = ["--trackers", "identity", "--protocol", protocol]
        benchmark(tmp_path, *arguments)
        assert benchmark(tmp_path, *arguments) == 0
        box_file = folder / "groundtruth_rect.txt"
        lines = box_file.read_text().splitlines(keepends=True)
        box_file.write_text("".join(["12,9,20,16\n", *lines[1:]]))  # a corrected first box
        assert benchmark(tmp_path, *arguments) == 2
        assert "of other frames or another first box (Car4)" in capsys.readouterr().err
        box_file.write_text("".join([*lines[:3], "12,9,20,16\n", *lines[4:]]))
        assert benchmark(tmp_path, *arguments) == (2 if protocol == "tre" else 0)
        box_file.write_text("".join(lines))
        (folder / "img" / "0003.jpg").write_bytes(encoded() + b"more")
        assert benchmark(tmp_path, *arguments) == 2
        (folder / "img" / "0003.jpg").write_bytes(encoded())
        assert benchmark(tmp_path, *arguments) == 0
        capsys.readouterr()
        (tmp_path / "root").rename(tmp_path / "other")
        (tmp_path / "root").symlink_to("other")
        assert benchmark(tmp_path, *arguments) == 2
        assert f"data in another folder ({tmp_path / 'root'})" in capsys.readouterr().err

    def test_the_report_says_which_results_do_not_belong(self, tmp_path, capsys):
        roots = {"root": "11,9,20,16\n" * 6, "moved": "13,9,20,16\n" * 6}
        for root, boxes in roots.items():
            make_otb(tmp_path / root, "Car4", boxes=boxes)
            make_otb(tmp_path / root, "Boy")
        benchmark(tmp_path, "--trackers", "identity")
        (tmp_path / "moved" / "Boy" / "img" / "0002.jpg").write_bytes(encoded() + b"more")
        capsys.readouterr()
        report = ["report", str(tmp_path / "out" / "results"), "--dataset", "folder"]
        main([*report, "--root", str(tmp_path / "moved"), "--output", str(tmp_path / "report")])
        printed = capsys.readouterr()
        assert "Car4 of identity: left out, the number of frames or the first box is not that" in printed.err
        assert "Boy of identity: frames have other names or sizes than in the run" in printed.err
        assert "1 of 2 sequences" in printed.out

    def test_overwriting_one_sequence_leaves_the_others(self, tmp_path, capsys):
        for name in ("Car2", "Car4"):
            make_otb(tmp_path / "root", name)
        arguments = ["--trackers", "identity", "--protocol"]
        for protocol, files in (("ope", ("{}.txt",)), ("sre", ("{0}/{0}_001.txt", "{0}/{0}_012.txt"))):
            benchmark(tmp_path, *arguments, protocol)
            folder = results(tmp_path, "folder" if protocol == "ope" else "folder-SRE", "identity")
            for name in ("Car2", "Car4"):
                for file in files:
                    (folder / file.format(name)).write_text("1,1,9,9\n" * 6)
            run = ["--sequences", "Car2", "--overwrite"]
            assert benchmark(tmp_path, *arguments, protocol, *run) == 0
            for file in files:
                assert (folder / file.format("Car2")).read_text() != "1,1,9,9\n" * 6
                assert (folder / file.format("Car4")).read_text() == "1,1,9,9\n" * 6
        record = json.loads((folder / "run.json").read_text())
        assert record["data"]["sequences"].keys() == {"Car2", "Car4"}
        (folder / "run.json").write_text(json.dumps({**record, "settings": {}}))
        assert benchmark(tmp_path, *arguments, protocol, *run) == 2
        assert "holds results of another settings" in capsys.readouterr().err

    def test_a_folder_that_another_process_is_writing_into(self, tmp_path, capsys):
        make_otb(tmp_path / "root", "Car4")
        holder = (
            "import sys, time; from experiments.scoring.result_files import ResultFiles; from pathlib import Path\n"
            "with ResultFiles(Path(sys.argv[1])).locked(): print('held', flush=True); time.sleep(60)"
        )
        folder = results(tmp_path, "folder", "identity")
        with subprocess.Popen(
            [sys.executable, "-c", holder, folder], cwd=ROOT, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout.readline() == b"held\n"
            assert benchmark(tmp_path, "--trackers", "identity") == 2
            assert f"another benchmark is writing into {folder}" in capsys.readouterr().err
            other.kill()  # what a killed process held is free at once
            other.wait()
            assert benchmark(tmp_path, "--trackers", "identity") == 0
