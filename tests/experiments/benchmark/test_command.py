"""The benchmark command from end to end, on miniature datasets: files, resuming, failures, refusals."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from got10k.utils.metrics import rect_iou

from data.datasets.box_files import read_bboxes
from experiments.__main__ import main
from experiments.benchmark import submissions
from experiments.scoring.protocols import tre_starts
from tests.material.trees import box_lines, encoded, make_got10k, make_otb, write_images

ROOT = Path(__file__).resolve().parents[3]
PEERS = '''
import os, sys, time
import numpy as np
from got10k.trackers import Tracker

class Still(Tracker):
    """Stays where it starts, and does in frame 2 what its name says."""
    deterministic = True
    def __init__(self):
        super().__init__(type(self).__name__, is_deterministic=self.deterministic)
    def init(self, image, box):
        self.box, self.frame = box, 0
    def update(self, image):
        self.frame += 1
        if self.frame == 2 and image.size == (64, 48):
            self.act()
        return self.box
    def act(self):
        pass

class Raises(Still):
    def act(self): raise KeyError("no such peak")

class Nan(Still):
    def act(self): self.box = np.full(4, np.nan)

class Hangs(Still):
    def act(self): time.sleep(60)

class Dies(Still):
    def act(self): os.abort()

class Ends(Still):
    def act(self): os._exit(0)

class Leaves(Still):
    def act(self): sys.exit(0)

class Interrupts(Still):
    def act(self): raise KeyboardInterrupt

class Nothing(Still):
    def act(self): self.box = None

class Words(Still):
    def act(self): self.box = "over there"

class Corners(Still):
    def act(self): self.box = np.arange(8)

class Slams(Still):
    def act(self): os.closerange(3, 256)

class Wanders(Still):
    deterministic = False
    def act(self): self.box = self.box + np.random.rand(4)

class Slow(Still):
    def update(self, image):
        time.sleep(0.004)
        self.box = self.box + np.random.rand(4).round(3) - 0.5
        return self.box

class WantsMore(Still):
    def __init__(self, path): pass
'''


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


@pytest.fixture
def peers(tmp_path, monkeypatch):
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "peers_of_test.py").write_text(PEERS)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.delitem(sys.modules, "peers_of_test", raising=False)


def benchmark(tmp_path, *arguments, dataset="folder"):
    return main(
        [
            "benchmark",
            "--dataset",
            dataset,
            "--root",
            str(tmp_path / "root"),
            "--output",
            str(tmp_path / "out"),
        ]
        + list(arguments)
    )


def results(tmp_path, *parts):
    return tmp_path.joinpath("out", "results", *parts)


class TestFiles:
    def test_a_target_comes_back_from_its_file_identical(self, tmp_path, capsys):
        for name, frames in (("Car4", 6), ("Boy", 8)):
            make_otb(tmp_path / "root", name, frames=frames)
        assert benchmark(tmp_path, "--trackers", "identity,gray", "--workers", "2", dataset="otb100") == 0
        folder = results(tmp_path, "OTB2015", "identity")
        assert (folder / "Car4.txt").read_text() == "11.000,9.000,20.000,16.000\n" * 6
        times = (folder / "times" / "Boy_time.txt").read_text().splitlines()
        assert len(times) == 8
        assert all(len(line.partition(".")[2]) == 8 for line in times)
        run = json.loads((results(tmp_path, "OTB2015", "gray") / "run.json").read_text())
        assert run["settings"]["class"] == "CorrelationFilterTracker"
        assert run["version"] == 1
        assert {"tracker", "weights", "versions", "device", "protocol", "data"} <= run.keys()
        out = capsys.readouterr().out
        assert "98 of the 100 official targets are not there" in out
        assert out.splitlines()[-2].split()[:2] == ["identity", "2"]

    def test_tre_and_sre_go_beside_ope(self, tmp_path):
        make_otb(tmp_path / "root", "Car4", frames=24)
        for protocol, runs in (("tre", 20), ("sre", 12)):
            assert benchmark(tmp_path, "--trackers", "identity", "--protocol", protocol) == 0
            folder = results(tmp_path, f"folder-{protocol.upper()}", "identity", "Car4")
            assert len(list(folder.glob("Car4_???.txt"))) == runs
            assert len(list(folder.glob("Car4_???_time.txt"))) == runs
        np.testing.assert_array_equal(read_bboxes(folder / "Car4_001.txt")[0], [8, 8, 20, 16])

    def test_got10k_repeats_only_what_is_not_deterministic(self, tmp_path, peers):
        make_got10k(tmp_path / "root", "val")
        trackers = "identity,peers_of_test:Wanders"
        assert benchmark(tmp_path, "--trackers", trackers, dataset="got10k") == 0
        name = "GOT-10k_Val_000001"
        folder = results(tmp_path, "GOT-10k", "Wanders", name)
        assert sorted(path.name for path in folder.iterdir()) == [
            *(f"{name}_00{number}.txt" for number in (1, 2, 3)),
            f"{name}_time.txt",
        ]
        assert np.loadtxt(folder / f"{name}_time.txt", delimiter=",").shape == (4, 3)
        assert (folder / f"{name}_001.txt").read_text() != (folder / f"{name}_002.txt").read_text()
        alone = results(tmp_path, "GOT-10k", "identity", name)
        assert sorted(path.name for path in alone.iterdir()) == [f"{name}_001.txt", f"{name}_time.txt"]

    def test_the_table_gives_got10ks_own_average_overlap(self, tmp_path, capsys):
        """All frames but the first of each run count the same, the boxes cut to the frame of 64x48."""
        names = make_got10k(tmp_path / "root", "val", count=2, frames=4)
        benchmark(tmp_path, "--trackers", "identity", dataset="got10k")
        overlaps = []
        for name, right in zip(names, (10, 45), strict=True):
            path = results(tmp_path, "GOT-10k", "identity", name, f"{name}_001.txt")
            boxes = np.loadtxt(path, delimiter=",")
            boxes[1:, 0] += right
            np.savetxt(path, boxes, fmt="%.3f", delimiter=",")
            truth = np.loadtxt(tmp_path / "root" / "val" / name / "groundtruth.txt", delimiter=",")
            overlaps += list(rect_iou(boxes[1:], truth[1:], bound=(64, 48)))
        capsys.readouterr()
        assert benchmark(tmp_path, "--trackers", "identity", dataset="got10k") == 0
        heading, row = capsys.readouterr().out.splitlines()[-2:]
        assert heading.split()[5:8] == ["AO", "SR50", "SR75"]
        assert row.split()[4] == f"{np.mean(overlaps):.3f}"
        assert 0.1 < np.mean(overlaps) < 0.9

    def test_the_table_and_the_report_are_one_rule(self, tmp_path, capsys):
        """Frames of all runs are pooled, as OTB's toolkit does; run 1 is long and wrong, the others are right."""
        make_otb(tmp_path / "root", "Car4", frames=30, boxes="11,9,20,16\n" * 30)
        make_otb(tmp_path / "root", "Boy", frames=24, boxes="11,9,20,16\n" * 24)
        tre = ["--trackers", "identity", "--protocol", "tre"]
        benchmark(tmp_path, *tre, dataset="otb100")
        file = results(tmp_path, "OTB2015-TRE", "identity", "Car4", "Car4_001.txt")
        file.write_text("11,9,20,16\n" + "50,9,20,16\n" * 29)
        capsys.readouterr()
        assert benchmark(tmp_path, *tre, dataset="otb100") == 0
        row = capsys.readouterr().out.splitlines()[-1].split()
        frames = sum(30 - start for start in tre_starts(np.tile([10.0, 8, 20, 16], (30, 1))))
        expected = (20 / 21 * (1 - 29 / frames) + 20 / 21) / 2
        assert row[1:3] == ["2", f"{expected:.3f}"]
        assert f"{expected:.3f}" != f"{(20 / 21 * (1 - 29 / 30 / 20) + 20 / 21) / 2:.3f}"  # runs averaged
        report = ["report", str(tmp_path / "out" / "results"), "--dataset", "otb100"]
        main([*report, "--root", str(tmp_path / "root"), "--output", str(tmp_path / "report")])
        assert f"TRE identity: success AUC {expected:.3f}, 2 of 2 sequences" in capsys.readouterr().out

    def test_of_a_test_set_the_speed_is_known_and_the_score_is_not(self, tmp_path, capsys):
        make_got10k(tmp_path / "root", "test")
        arguments = ["--trackers", "identity", "--subset", "test"]
        assert benchmark(tmp_path, *arguments, dataset="got10k") == 0
        row = capsys.readouterr().out.splitlines()[-1].split()
        assert row[:7] == ["identity", "0", *"-----"]
        assert float(row[7]) > 0

    def test_the_table_counts_every_sequence_the_same_by_otbs_rules(self, tmp_path, capsys):
        """Sequences of 4 and 9 frames: their mean is neither the longer one's, nor the mean over all frames."""
        successes, precisions = [], []
        for name, frames, step in (("short", 4, 2), ("long", 9, 14)):
            x = 11 + np.arange(frames) * step
            boxes = "".join(f"{left},9,20,16\n" for left in x)
            make_otb(tmp_path / "root", name, frames=frames, boxes=boxes)
            shared = np.clip(
                20 - (x - 11), 0, None
            )  # pixels across that the box of frame 1 shares with the truth
            overlaps = shared / (40 - shared)
            successes.append([np.mean(overlaps > threshold) for threshold in np.linspace(0, 1, 21)])
            precisions.append(np.mean(x - 11 <= 20))
        assert benchmark(tmp_path, "--trackers", "identity") == 0
        row = capsys.readouterr().out.splitlines()[-1].split()
        assert row[:4] == ["identity", "2", f"{np.mean(successes):.3f}", f"{np.mean(precisions):.3f}"]
        assert np.mean(precisions) != pytest.approx(np.average(precisions, weights=[4, 9]), abs=0.05)

    def test_only_the_sequences_asked_for_under_any_spelling(self, tmp_path, capsys):
        for name in ("Jogging-1", "Car4"):
            make_otb(tmp_path / "root", name)
        assert (
            benchmark(tmp_path, "--trackers", "identity", "--sequences", "jogging_1", dataset="otb100") == 0
        )
        assert [path.stem for path in results(tmp_path, "OTB2015", "identity").glob("*.txt")] == ["Jogging.1"]
        assert benchmark(tmp_path, "--trackers", "identity", "--sequences", "Carr4", dataset="otb100") == 2
        assert "did you mean 'Car4'?" in capsys.readouterr().err


class TestResuming:
    def test_what_is_done_is_kept_and_what_is_lost_is_done_again(self, tmp_path, capsys):
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
    def test_killed_at_random_it_ends_with_the_same_bytes(self, tmp_path, peers):
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


class TestFailures:
    def test_bad_trackers_harm_nothing_but_their_runs(self, tmp_path, peers, capsys):
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

    def test_broken_sequences_are_recorded_and_forgotten_once_they_work(self, tmp_path, capsys):
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

    def test_images_without_a_box_are_named(self, tmp_path, capsys):
        make_otb(tmp_path / "root", "Car4", frames=12, boxes=box_lines(5))
        assert benchmark(tmp_path, "--trackers", "identity") == 0
        assert "warning: Car4: 7 of 12 images have no box" in capsys.readouterr().err

    @pytest.mark.parametrize("text", ["1,2,3,4\n", "one,two,three,four\n" * 6])
    def test_a_spoilt_result_is_named(self, tmp_path, capsys, text):
        make_otb(tmp_path / "root", "Car4")
        benchmark(tmp_path, "--trackers", "identity")
        results(tmp_path, "folder", "identity", "Car4.txt").write_text(text)
        assert benchmark(tmp_path, "--trackers", "identity") == 1
        assert "Car4.txt" in capsys.readouterr().err


class TestRefusals:
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

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--trackers", "hgo"], "unknown tracker 'hgo': did you mean 'hog'? choices are "),
            (["--trackers", "hog,hog"], "--trackers must be different names"),
            (["--trackers", "identity", "--workers", "0"], "--workers must be 1 to 1024, got 0"),
            (["--trackers", "identity", "--timeout", "0"], "--timeout must be a positive number"),
            (["--trackers", "identity", "--address", "x"], "--address is Ray's"),
            (
                ["--trackers", "identity", "--pack"],
                "--pack is for --dataset got10k or trackingnet, --subset test",
            ),
            (["--trackers", "identity", "--weights", "hog=x"], "TRACKER=PATH with one of identity"),
            (["--trackers", "squeezenet", "--weights", "none.npz"], "weights of squeezenet do not exist"),
            (["--trackers", "none/best.safetensors"], "trained tracker none/best.safetensors does not exist"),
            (["--trackers", "opencv-nano"], "opencv-nano needs --weights opencv-nano=FOLDER"),
            (
                ["--trackers", "nowhere:It"],
                "tracker nowhere:It does not come up: ModuleNotFoundError: No module named 'nowhere'",
            ),
            (["--trackers", "numpy:array"], "must name a subclass of got10k.trackers.Tracker"),
            (["--trackers", "peers_of_test:WantsMore"], "must be built without arguments"),
            (["--trackers", "identity", "--subset", "test"], "subset of folder must be one of all"),
        ],
    )
    def test_wrong_arguments_are_one_line(self, tmp_path, peers, capsys, arguments, said):
        make_otb(tmp_path / "root", "Car4")
        assert benchmark(tmp_path, *arguments) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert not (tmp_path / "out").exists()

    def test_a_wrong_root(self, tmp_path, capsys):
        assert benchmark(tmp_path, "--trackers", "identity", dataset="otb100") == 2
        assert "dataset root of otb100 does not exist" in capsys.readouterr().err


class TestPack:
    def run(self, tmp_path, *arguments):
        return benchmark(
            tmp_path, "--subset", "test", "--trackers", "identity", "--pack", *arguments, dataset="got10k"
        )

    def test_the_zip_holds_the_test_sequences_and_nothing_else(self, tmp_path, capsys):
        names = make_got10k(tmp_path / "root", "test", count=180, frames=3)
        make_got10k(tmp_path / "root", "val")
        assert benchmark(tmp_path, "--trackers", "identity", dataset="got10k") == 0
        assert self.run(tmp_path) == 0
        archive = zipfile.ZipFile(results(tmp_path, "GOT-10k", "identity.zip"))
        assert sorted(archive.namelist()) == sorted(
            f"{name}/{name}{end}" for name in names for end in ("_001.txt", "_time.txt")
        )
        assert archive.read(f"{names[0]}/{names[0]}_001.txt") == b"11.000,9.000,20.000,16.000\n" * 3
        for spoilt, said in (("1 2 3 4\n" * 3, "row 1 is not x,y,w,h"), ("1,2,3,4\n", "1 rows, expected 3")):
            results(tmp_path, "GOT-10k", "identity", names[7], f"{names[7]}_001.txt").write_text(spoilt)
            capsys.readouterr()
            self.run(tmp_path)
            assert said in capsys.readouterr().err

    def test_a_part_of_the_subset_is_refused(self, tmp_path, capsys):
        make_got10k(tmp_path / "root", "test")
        assert self.run(tmp_path) == 2
        assert "needs all 180 test sequences of GOT-10k, but 178 are not in" in capsys.readouterr().err

    def test_trackingnets_zip_holds_a_file_of_boxes_for_each_sequence(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setitem(submissions.COUNTS, "trackingnet", 3)
        names = ["abc_0", "abc_1", "def_0"]
        for name in names:
            write_images(tmp_path / "root/TEST/frames" / name, range(4), "{}.jpg")
            (tmp_path / "root/TEST/anno").mkdir(exist_ok=True)
            (tmp_path / "root/TEST/anno" / f"{name}.txt").write_text(box_lines(1))
        arguments = ["--trackers", "identity", "--pack"]
        assert benchmark(tmp_path, *arguments, dataset="trackingnet") == 0
        archive = zipfile.ZipFile(results(tmp_path, "TrackingNet", "identity.zip"))
        assert sorted(archive.namelist()) == [f"{name}.txt" for name in names]
        assert archive.read("abc_1.txt") == b"11.000,9.000,20.000,16.000\n" * 4
        results(tmp_path, "TrackingNet", "identity", "abc_1.txt").write_text("1,2,3,nan\n" * 4)
        capsys.readouterr()
        assert benchmark(tmp_path, *arguments, dataset="trackingnet") == 2
        assert "abc_1.txt, row 1 is not x,y,w,h" in capsys.readouterr().err
        monkeypatch.undo()
        assert benchmark(tmp_path, *arguments, dataset="trackingnet") == 2
        assert "needs all 511 test sequences of TrackingNet, but 508 are not in" in capsys.readouterr().err


class TestCheck:
    def test_a_sound_part_and_a_damaged_one(self, tmp_path, capsys):
        folder = make_otb(tmp_path, "Car4")
        arguments = ["check", "--dataset", "otb2015", "--root", str(tmp_path)]
        assert main(arguments) == 0
        out = capsys.readouterr().out
        assert "1 targets, 6 frames" in out
        assert "99 of the 100 official targets are not there" in out
        (folder / "img" / "0004.jpg").write_bytes(encoded()[:300])
        assert main(arguments) == 1
        assert "Car4: 1 of 6 images cannot be read, the first: image is cut short" in capsys.readouterr().out
