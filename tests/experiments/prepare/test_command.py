"""The command that crops a training set, and the sources that the command line names."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data.pairs.shards import ShardClips
from data.pairs.sources import ClipSource, StillSource, SyntheticSource
from experiments.__main__ import main
from experiments.train.data import build_pairs, parse_source
from experiments.train.settings import DataSettings
from tests.material.trees import make_got10k, make_otb, write_images

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def clips(tmp_path):
    for number in range(7):
        make_otb(tmp_path / "clips", f"clip{number}", frames=5)
    return tmp_path / "clips"


def prepare(root, output, *more):
    return main([*command(root, output), *more])


def command(root, output):
    fixed = ["prepare", "--dataset", "folder", "--clips-per-shard", "2"]
    return [*fixed, "--root", str(root), "--output", str(output)]


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class TestPrepare:
    def test_it_crops_all_clips(self, clips, tmp_path, capsys):
        assert prepare(clips, tmp_path / "out") == 0
        assert "7 targets, 35 crops in 4 shards" in capsys.readouterr().out
        found = ShardClips.open(tmp_path / "out")
        assert [found[number].name for number in range(7)] == [f"clip{number}" for number in range(7)]

    @pytest.mark.slow
    def test_workers_write_the_same_bytes(self, clips, tmp_path):
        prepare(clips, tmp_path / "one")
        prepare(clips, tmp_path / "two", "--workers", "2")
        assert content(tmp_path / "one") == content(tmp_path / "two")

    def test_finished_shards_are_kept(self, clips, tmp_path, capsys):
        output = tmp_path / "out"
        prepare(clips, output)
        whole = content(output)
        kept = (output / "shard-000000.tar").stat().st_mtime_ns
        (output / "shard-000001.npz").unlink()  # killed between tar and index
        (output / "shard-000002.tar").write_bytes(b"damaged")
        (output / "manifest.json").unlink()
        assert prepare(clips, output) == 0
        assert "2 of 4 shards are there and sound" in capsys.readouterr().out
        assert content(output) == whole
        assert (output / "shard-000000.tar").stat().st_mtime_ns == kept

    def test_what_cannot_be_used_stops_it_or_is_listed(self, clips, tmp_path, capsys):
        (clips / "clip3" / "img" / "0002.jpg").write_bytes(b"broken")
        shutil.rmtree(clips / "clip5" / "img")
        assert prepare(clips, tmp_path / "out") == 2
        assert "clip5" in capsys.readouterr().err
        shutil.rmtree(clips / "clip5")
        assert prepare(clips, tmp_path / "out") == 2
        error = capsys.readouterr().err
        assert "0002.jpg" in error
        assert "--on-error skip" in error
        assert prepare(clips, tmp_path / "out", "--on-error", "skip") == 1
        assert "1 left out" in capsys.readouterr().out
        manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
        assert (manifest["frames"], len(manifest["skipped"])) == (29, 1)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (["--target-size", "32"], "target_size was 48, is 32"),
            (["--clips-per-shard", "3"], "clips_per_shard was 2, is 3"),
        ],
    )
    def test_other_settings_need_another_folder(self, clips, tmp_path, capsys, change, message):
        prepare(clips, tmp_path / "out")
        assert prepare(clips, tmp_path / "out", *change) == 2
        assert message in capsys.readouterr().err

    def test_moved_boxes_need_another_folder(self, clips, tmp_path, capsys):
        prepare(clips, tmp_path / "out")
        boxes = clips / "clip2" / "groundtruth_rect.txt"
        boxes.write_text(boxes.read_text().replace("9,20,16", "9,24,16"))
        assert prepare(clips, tmp_path / "out") == 2
        assert "made with other data (clip2) than there are now" in capsys.readouterr().err

    def test_other_clips_need_another_folder(self, clips, tmp_path, capsys):
        prepare(clips, tmp_path / "out")
        make_otb(clips, "more")
        assert prepare(clips, tmp_path / "out") == 2
        assert "clips were 7, are 8 or have other names" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--workers", "100000"], "--workers must be 1 to 1024, got 100000"),
            (["--clips-per-shard", "0"], "clips_per_shard must be 1 or more"),
            (["--quality", "0"], "quality 1 to 100"),
            (["--root", "nowhere"], "does not exist"),
        ],
    )
    def test_mistakes_are_said(self, clips, tmp_path, capsys, arguments, message):
        assert prepare(clips, tmp_path / "out", *arguments) == 2
        assert message in capsys.readouterr().err
        assert not (tmp_path / "out").exists()

    def test_a_folder_of_something_else_is_left_alone(self, clips, tmp_path, capsys):
        assert prepare(clips, clips) == 2
        assert "holds other files than shards" in capsys.readouterr().err
        assert prepare(clips, clips / "clip0" / "groundtruth_rect.txt") == 2
        assert "must be a folder" in capsys.readouterr().err

    def test_a_dataset_without_targets(self, tmp_path, capsys):
        make_otb(tmp_path / "clips", "empty", boxes="nan,nan,nan,nan\n" * 6)
        assert prepare(tmp_path / "clips", tmp_path / "out") == 2
        assert "no frame with a box" in capsys.readouterr().err

    @pytest.mark.slow
    def test_a_killed_run_goes_on(self, tmp_path):
        for number in range(40):
            make_otb(tmp_path / "clips", f"clip{number}", frames=40)
        run = subprocess.Popen(
            [sys.executable, "-m", "experiments", *command(tmp_path / "clips", tmp_path / "out")],
            cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        while run.poll() is None and len(list(tmp_path.glob("out/*.npz"))) < 3:
            time.sleep(0.005)
        assert run.poll() is None, "it was done before it could be killed"
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        assert not (tmp_path / "out" / "manifest.json").exists()
        assert prepare(tmp_path / "clips", tmp_path / "out") == 0
        assert prepare(tmp_path / "clips", tmp_path / "whole") == 0
        assert content(tmp_path / "out") == content(tmp_path / "whole")

    @pytest.mark.slow
    def test_a_dead_worker_is_said(self, clips, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr("experiments.runtime.workers._begin_thread", _die)
        assert prepare(clips, tmp_path / "out", "--workers", "2") == 2
        assert "a worker process died" in capsys.readouterr().err


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


class TestSources:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("folder:clips", ("folder", "clips", 1.0)),
            ("got10k:/data/got10k:2.5", ("got10k", "/data/got10k", 2.5)),
            (r"images:C:\photos:0.5", ("images", r"C:\photos", 0.5)),
            (r"images:C:\photos", ("images", r"C:\photos", 1.0)),
            (
                "shards:https://host:8080/a/manifest.json",
                ("shards", "https://host:8080/a/manifest.json", 1.0),
            ),
            ("synthetic", ("synthetic", "", 1.0)),
            ("synthetic:0.25", ("synthetic", "", 0.25)),
        ],
    )
    def test_sources_are_taken_apart(self, text, expected):
        assert tuple(parse_source(text)) == expected

    def test_a_home_folder_is_found_behind_a_colon(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        assert parse_source("folder:~/clips:2") == ("folder", str(tmp_path / "clips"), 2.0)
        assert parse_source("shards:https://host/~me/manifest.json").root == "https://host/~me/manifest.json"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("got10:x", "did you mean 'got10k'"),
            ("../shared/train/videos", "unknown kind of source"),
            ("folder", "needs a root"),
            ("folder:", "needs a root"),
            ("folder:2", "needs a root"),
            ("folder:clips:-1", "weight of source"),
            ("folder:clips:nan", "weight of source"),
        ],
    )
    def test_mistakes_are_said(self, text, message):
        with pytest.raises(ValueError, match=message):
            parse_source(text)

    def test_every_kind_becomes_its_source(self, clips, tmp_path):
        write_images(tmp_path / "stills", range(3))
        make_got10k(tmp_path / "got10k", "train")
        prepare(clips, tmp_path / "shards")
        sources = (
            f"folder:{clips}", f"got10k:{tmp_path / 'got10k'}:2", f"images:{tmp_path / 'stills'}",
            f"shards:{tmp_path / 'shards'}", "synthetic:0.1",
        )  # fmt: skip
        options = DataSettings(sources=sources, crop_size=32)
        pairs = build_pairs(options, length=60)
        kinds = [ClipSource, ClipSource, StillSource, ClipSource, SyntheticSource]
        assert [type(source) for source in pairs.sources] == kinds
        origins = {pairs[index].source.split("/")[0] for index in range(60)}
        assert any(name.startswith("GOT-10k_Train") for name in origins)
        assert len(pairs.sources[3].clips) == 7

    def test_crops_narrower_than_training_takes_are_said(self, clips, tmp_path, capsys):
        prepare(clips, tmp_path / "shards")
        options = DataSettings(sources=(f"shards:{tmp_path / 'shards'}",))
        build_pairs(options, length=10)
        assert "warning" not in capsys.readouterr().err
        build_pairs(dataclasses.replace(options, search_area_scale=7.5), length=10)
        assert "are 8 target sizes wide, training takes about 8.7" in capsys.readouterr().err

    def test_without_any_it_is_synthetic(self):
        pairs = build_pairs(DataSettings(), length=10)
        assert [type(source) for source in pairs.sources] == [SyntheticSource]

    def test_broken_sequences_stop_or_are_left_out(self, clips, capsys):
        (clips / "clip2" / "groundtruth_rect.txt").write_text("what\n")
        options = DataSettings(sources=(f"folder:{clips}",))
        with pytest.raises(ValueError, match=r"1 sequences of folder in .* are broken, the first: clip2"):
            build_pairs(options, length=10)
        pairs = build_pairs(dataclasses.replace(options, on_error="skip"), length=10)
        assert len(pairs.sources[0].clips) == 6
        assert "clip2" in capsys.readouterr().err

    def test_the_settings_reach_the_pairs(self, clips):
        config = DataSettings(sources=(f"folder:{clips}",), crop_size=40, search_area_scale=2.0, max_gap=1)
        pair = build_pairs(config, length=10)[0]
        assert pair.search.shape == (40, 40, 3)
        assert (pair.template_bbox[2] * pair.template_bbox[3]) ** 0.5 == pytest.approx(20, abs=0.5)
        first, second = (int(name[-8:-4]) for name in pair.source.split(" -> "))
        assert abs(first - second) == 1
