"""Zips for the test servers of GOT-10k and TrackingNet."""

import zipfile

from experiments.benchmark import submissions
from tests.material.benchmarks import benchmark, results
from tests.material.trees import box_lines, make_got10k, write_images


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
