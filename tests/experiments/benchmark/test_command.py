"""The benchmark command from end to end, on miniature datasets: its files, its table, wrong arguments."""

import json

import numpy as np
import pytest
from got10k.utils.metrics import rect_iou

from data.datasets.box_files import read_bboxes
from experiments.__main__ import main
from experiments.scoring.protocols import tre_starts
from tests.material.benchmarks import benchmark, results
from tests.material.trees import make_got10k, make_otb


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
def test_wrong_arguments_are_one_line(tmp_path, peers, capsys, arguments, said):
    make_otb(tmp_path / "root", "Car4")
    assert benchmark(tmp_path, *arguments) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_wrong_root(tmp_path, capsys):
    assert benchmark(tmp_path, "--trackers", "identity", dataset="otb100") == 2
    assert "dataset root of otb100 does not exist" in capsys.readouterr().err
