"""Mistakes and hostile files at the command line: one line that says what is wrong, status 2, nothing left behind."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from data.datasets.by_name import load_dataset
from data.datasets.otb import write_otb
from data.files import partial_path, remove_left_overs
from data.synthetic.sequence import synthetic_sequence
from data.video.writer import VideoWriter
from experiments.__main__ import main
from experiments.config_file import MAX_BYTES, expand, parse_yaml
from tests.material.commands import COMMANDS, command_line
from tests.material.results_trees import write_annotations, write_tracker
from tests.material.trees import box_lines, make_got10k, make_otb, write_images

ROOT = Path(__file__).resolve().parents[2]
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{one}: &{one} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, one in zip("abcdefg", "bcdefgh", strict=True)
)


def refused(arguments, capsys):
    """The one line that a command ends with."""
    assert main([str(one) for one in arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert "(--debug shows where)" not in lines[0]
    return lines[0]


@pytest.fixture(autouse=True)
def no_processes(monkeypatch):
    """The benchmark's workers, which none of these needs, import for seconds."""
    monkeypatch.setattr("experiments.benchmark.worker.warm_up", lambda: None)


class TestConfigs:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (BOMB, "must hold at most 100000 values in 10 levels"),
            ("a: &a [*a]", "must hold at most 100000 values in 10 levels"),
            ("[" * 3000, "is not YAML"),
            ("steps: [1", "is not YAML"),
            ("steps: " + "9" * 5000, "is not YAML"),
            ("x: 2001-99-99", "is not YAML"),
            ("#" * (MAX_BYTES + 1), f"must have at most {MAX_BYTES} bytes"),
            ("steps: \udcff", "is not a text file"),
            ("stepz: 1", "--stepz"),
            ("steps: many", "--steps"),
            ("optimiser: {rate: -1}", "optimiser.rate must be at least 0"),
            ("model: {channels: 100000000}", "model.channels must be at most 4096"),
            ("data: {clip_jitter: {scale: 50}}", "data.clip_jitter.scale must be at most 4"),
        ],
    )
    def test_a_mistake_is_one_line_and_no_folder(self, tmp_path, capsys, text, said):
        (tmp_path / "c.yaml").write_bytes(text.encode(errors="surrogateescape"))
        line = refused(["train", "--config", tmp_path / "c.yaml", "--output", tmp_path / "out"], capsys)
        assert said in line
        assert [path.name for path in tmp_path.iterdir()] == ["c.yaml"]

    def test_a_wrong_data_root_leaves_no_folder_and_keeps_a_run(self, tmp_path, capsys):
        out = tmp_path / "out"
        arguments = [
            "train",
            "--steps=2",
            "--validation.synthetic=1",
            "--validation.frames=2",
            "--data.sources",
            f"folder:{tmp_path / 'nowhere'}",
            "--output",
            out,
        ]
        assert "nowhere" in refused(arguments, capsys)
        assert not out.exists()
        out.mkdir()
        (out / "best.safetensors").write_text("mine")
        refused([*arguments, "--overwrite"], capsys)
        assert [path.name for path in out.iterdir()] == ["best.safetensors"]

    def test_homes_and_variables_are_what_a_shell_makes_of_them(self, monkeypatch):
        monkeypatch.setenv("HOME", "/home/me")
        monkeypatch.setenv("CLIPS", "/data")
        monkeypatch.delenv("NONE", raising=False)
        given = [
            "~/x",
            "folder:~/clips",
            "fast=~/w",
            "--root=~",
            "$CLIPS/a",
            "a~b",
            "x/~/y",
            "$NONE",
            "é:${CLIPS}:2",
        ]
        wanted = ["/home/me/x", "folder:/home/me/clips", "fast=/home/me/w", "--root=/home/me", "/data/a"]
        assert [expand(one) for one in given] == [*wanted, "a~b", "x/~/y", "$NONE", "é:/data:2"]
        assert parse_yaml("{a: [~/x], b: ~, c: 1}", "it") == {"a": ["/home/me/x"], "b": None, "c": 1}


class TestCommands:
    @pytest.mark.parametrize("name", ["last.pt", "."])
    def test_what_is_no_tracker_names_the_file_that_is(self, tmp_path, capsys, name):
        (tmp_path / "x.png").write_bytes(b"")
        given = tmp_path / name
        for command in (["track", tmp_path / "x.png", "--init-bbox", "1,1,9,9", "--tracker", given],
                        ["benchmark", "--dataset", "folder", "--root", tmp_path, "--trackers", given]):  # fmt: skip
            if command[0] == "benchmark":
                make_otb(tmp_path / "otb", frames=2)
                command[4] = tmp_path / "otb"
            assert "best.safetensors" in refused([*command, "--output", tmp_path / "out"], capsys)

    @pytest.mark.parametrize(
        "metadata",
        [{}, {"training": "{}"}, {"training": "[]"}, {"training": '{"config": {"model": {"a": 1}}}'}],
    )
    def test_a_checkpoint_that_does_not_say_what_it_is(self, tmp_path, capsys, metadata):
        file = tmp_path / "best.safetensors"
        save_file({"x": np.zeros(3, np.float32)}, file, metadata)
        line = refused(["track", tmp_path / "x.mp4", "--init-bbox", "1,1,9,9", "--tracker", file], capsys)
        assert "best.safetensors" in line

    @pytest.mark.parametrize(
        ("section", "size", "said"),
        [
            ("data", {"crop_size": 10**6, "search_area_scale": 4}, "data.crop_size must be 16 to 2048"),
            ("data", {"crop_size": 128, "search_area_scale": 1e6}, "data.search_area_scale must be 1 to 32"),
            ("data", {"crop_size": 128, "search_area_scale": "x"}, "data.search_area_scale must be 1 to 32"),
            ("model", {"channels": 10**8}, "model.channels must be 1 to 4096"),
        ],
    )
    def test_a_checkpoint_that_would_fill_the_memory(self, tmp_path, capsys, section, size, said):
        file, config = tmp_path / "best.safetensors", {"model": {}} | {section: size}
        save_file({"x": np.zeros(3, np.float32)}, file, {"training": json.dumps({"config": config})})
        line = refused(["track", tmp_path / "x.mp4", "--init-bbox", "1,1,9,9", "--tracker", file], capsys)
        assert f"{file} describes a network that none can build: {said}" in line

    @pytest.mark.parametrize("content", [b"", b"hello", b"PK\3\4", b"\x80\2N."])
    def test_a_last_pt_that_is_none_is_named(self, tmp_path, capsys, content):
        (tmp_path / "last.pt").write_bytes(content)
        assert f"checkpoint {tmp_path / 'last.pt'} " in refused(
            ["train", "--resume", "--output", tmp_path], capsys
        )
        assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]

    @pytest.mark.parametrize("word", ["\x1b[31m", "--\x1b[31m", "\udcff"])
    def test_the_parser_shows_escapes_of_a_terminal_escaped(self, word, capsys):
        with pytest.raises(SystemExit):
            main(["prepare", "--dataset", "folder", word])
        said = capsys.readouterr().err
        assert ascii(word).strip("'") in said
        assert word not in said

    def test_a_loss_or_device_that_is_none_is_said_at_once(self, tmp_path, capsys):
        line = refused(["compare", "--losses", "shrinkage:a=[1", "--output", tmp_path / "out"], capsys)
        assert "a of loss 'shrinkage:a=[1' is not YAML" in line
        line = refused(
            ["track", "x", "--init-bbox", "1,1,9,9", "--tracker", "gray", "--device", "xpu"], capsys
        )
        assert "device 'xpu'" in line
        line = refused(["compare", "--backbone", "nope", "--output", tmp_path / "out"], capsys)
        assert "unknown backbone 'nope'" in line
        assert not (tmp_path / "out").exists()

    def test_a_near_name_is_every_one_that_begins_so(self, tmp_path, capsys):
        line = refused(["check", "--dataset", "otb", "--root", tmp_path], capsys)
        assert "did you mean 'otb2013' or 'otb2015' or 'otb50'?" in line

    @pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
    def test_a_reader_that_has_seen_enough_is_no_error(self, tmp_path):
        make_otb(tmp_path, frames=2)
        command = f"{sys.executable} -m experiments check --dataset folder --root {tmp_path} | true"
        done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == ("", "")


class TestLayouts:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("got10k", "expected list.txt"),
            ("lasot", "expected airplane/airplane-1/groundtruth.txt"),
            ("trackingnet", "expected TEST/anno/NAME.txt"),
            ("uav123", "expected anno/UAV123/NAME.txt and data_seq/UAV123/NAME/000001.jpg"),
            ("nfs", "expected NAME/240/NAME.txt"),
            ("vot", "expected list.txt, NAME/groundtruth.txt"),
            ("otb2015", "expected NAME/groundtruth_rect.txt and NAME/img/0001.jpg"),
            ("folder", "expected NAME/groundtruth_rect.txt and NAME/img/0001.jpg"),
        ],
    )
    def test_another_layout_is_told_what_is_expected(self, tmp_path, name, expected):
        (tmp_path / "data_seq").mkdir()
        with pytest.raises(FileNotFoundError, match=re.escape(expected)):
            load_dataset(name, tmp_path)

    def test_frames_that_are_still_packed(self, tmp_path):
        (tmp_path / "TEST" / "anno").mkdir(parents=True)
        (tmp_path / "TEST" / "anno" / "a-0.txt").write_text(box_lines(1))
        (tmp_path / "TEST" / "frames").mkdir()
        (tmp_path / "TEST" / "frames" / "a-0.zip").write_bytes(b"PK")
        assert "still packed: unzip" in load_dataset("trackingnet", tmp_path).broken["a-0"]

    def test_a_workspace_of_the_vot_toolkit(self, tmp_path):
        (tmp_path / "config.yaml").write_text("stack: vot2019\n")
        write_images(tmp_path / "sequences" / "ball" / "color", range(1, 4), "{:08d}.jpg")
        (tmp_path / "sequences" / "ball" / "groundtruth.txt").write_text(box_lines(3))
        (tmp_path / "sequences" / "list.txt").write_text("ball\n")
        assert [one.name for one in load_dataset("vot", tmp_path)] == ["ball"]


PLUGINS = {
    "raises_at_import": "raise KeyError('no key')",
    "exits_at_import": "import sys; sys.exit(0)",
    "raises": "class T(Tracker):\n    def __init__(self): raise RuntimeError('no GPU')",
    "exits": "import sys\nclass T(Tracker):\n    def __init__(self): sys.exit(0)",
    "leaves_at_import": "import os; os._exit(0)",
    "leaves": "import os\nclass T(Tracker):\n    def __init__(self): os._exit(0)",
    "type_error": "class T(Tracker):\n    def __init__(self): len(3)",
    "newline": "class T(Tracker):\n    def __init__(self): super().__init__('a\\nb', True)",
    "wants": "class T(Tracker):\n    def __init__(self, net): pass",
    "nothing": "x = 1",
}


class TestPlugIns:
    @pytest.mark.parametrize("kind", PLUGINS)
    def test_one_that_does_not_come_up_is_left_out_and_said(self, tmp_path, capsys, monkeypatch, kind):
        name = f"plugin_{kind}_{os.getpid()}"
        (tmp_path / f"{name}.py").write_text(f"from got10k.trackers import Tracker\n{PLUGINS[kind]}\n")
        monkeypatch.syspath_prepend(tmp_path)
        make_otb(tmp_path / "data", frames=2)
        out = tmp_path / "out"
        arguments = [
            "benchmark",
            "--dataset",
            "folder",
            "--root",
            str(tmp_path / "data"),
            "--output",
            str(out),
        ]
        assert f"tracker {name}:T" in refused([*arguments, "--trackers", f"{name}:T"], capsys)
        monkeypatch.setattr("experiments.benchmark.run.Benchmarking._jobs", lambda _: [])  # no processes
        assert main([*arguments, "--trackers", f"{name}:T,identity"]) == 1
        said = capsys.readouterr().err
        assert said.startswith(f"left out: tracker {name}:T ")
        if kind == "type_error":
            assert "TypeError: object of type 'int' has no len()" in said
        assert "without arguments" in said or kind != "wants"


class TestFolders:
    @pytest.mark.parametrize("place", ["file", "file/below"])
    @pytest.mark.parametrize("name", COMMANDS)
    @pytest.mark.usefixtures("in_this_process")
    def test_one_that_cannot_be_made_is_said_in_words(self, tmp_path, capsys, name, place):
        arguments, out = command_line(name, tmp_path)
        (tmp_path / "file").write_text("mine")
        assert main([one.replace(str(out), str(tmp_path / place)) for one in arguments]) == 2
        said = [line for line in capsys.readouterr().err.splitlines() if "left out" not in line]
        assert len(said) == 1
        assert re.search(
            r"cannot write into .*file.*: (File exi|Not a dir).*; give another|be a folder", said[0]
        )
        assert (tmp_path / "file").read_text() == "mine"

    def test_a_report_removes_nothing_but_what_a_report_wrote(self, tmp_path, capsys):
        make_otb(tmp_path / "data", "Basketball", frames=3)
        write_tracker(tmp_path / "results", "ours")
        arguments = ["report", str(tmp_path / "results"), "--dataset=otb2015", f"--output={tmp_path / 'd'}"]
        arguments.append(f"--root={write_annotations(tmp_path / 'a.json')}")
        for mine in ("holiday.jpg", "0000/holiday.jpg"):
            (tmp_path / "d" / "assets" / "frames" / mine).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "d" / "assets" / "frames" / mine).write_text("mine")
        (tmp_path / "d" / "assets" / "written.txt").write_text("sequences/0007.js\nframes/0001/3.jpg\n")
        old = (
            tmp_path / "d" / "assets" / "sequences" / "0007.js",
            tmp_path / "d" / "assets" / "frames" / "0001" / "3.jpg",
        )
        for path in old:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("of an earlier report")
        assert main(arguments) == 0
        kept = {path.name: path.read_text() for path in (tmp_path / "d" / "assets" / "frames").rglob("*.jpg")}
        assert kept == {"holiday.jpg": "mine"}
        assert not any(path.exists() for path in old)
        assert not old[1].parent.exists()
        before = set((tmp_path / "d").rglob("*"))
        assert main(arguments) == 0
        assert set((tmp_path / "d").rglob("*")) == before
        (tmp_path / "d" / "assets" / "written.txt").write_text("../../a.json\n")
        assert "name of a file in" in refused(arguments, capsys)
        assert (tmp_path / "a.json").exists()

    def test_names_of_trackers_and_attributes_are_text_and_nothing_else(self, tmp_path):
        entry = {"gt_rect": [[1, 1, 9, 9]] * 3, "attributes": ["$\\frac{$", "<b>", "a\x1b[31m"]}
        (tmp_path / "a.json").write_text(json.dumps({"x": entry}))
        for name in ("red\udcff", "a\nb", "$x$"):
            folder = tmp_path / "results" / "folder" / name
            folder.mkdir(parents=True)
            (folder / "x.txt").write_text("1,1,9,9\n" * 3)
        arguments = ["report", str(tmp_path / "results"), "--dataset=folder", f"--root={tmp_path / 'a.json'}"]
        assert main([*arguments, f"--output={tmp_path / 'out'}"]) == 0
        table = (tmp_path / "out" / "report.md").read_text("utf-8")
        assert "udcff" in table
        assert "a\nb" not in table

    def test_the_folder_of_results_and_the_one_above_are_both_accepted(self, tmp_path):
        write_tracker(tmp_path / "results", "ours")
        root = f"--root={write_annotations(tmp_path / 'a.json')}"
        for name, given in (("above", "results"), ("own", "results/OTB2015")):
            arguments = ["report", str(tmp_path / given), "--dataset=otb2015", root]
            assert main([*arguments, f"--output={tmp_path / name}"]) == 0
        assert (tmp_path / "own" / "report.md").read_text() == (tmp_path / "above" / "report.md").read_text()

    def test_what_a_killed_process_left_is_removed_and_what_another_writes_is_not(self, tmp_path):
        with subprocess.Popen([sys.executable, "-c", "pass"]) as ended:
            ended.wait()
        for number in (ended.pid, os.getppid()):
            (tmp_path / f".a.{number}.partial.txt").write_text("")
            (tmp_path / f".b.{number}.partial").mkdir()
        (tmp_path / "notes.partial.txt").write_text("mine")
        remove_left_overs(tmp_path)
        kept = {f".a.{os.getppid()}.partial.txt", f".b.{os.getppid()}.partial", "notes.partial.txt"}
        assert {path.name for path in tmp_path.iterdir()} == kept

    def test_a_prepare_that_was_killed_in_its_first_file_begins_anew(self, tmp_path):
        make_otb(tmp_path / "data", frames=2)
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / ".settings.4194305.partial.json").write_text("{")  # numbers end at 4194304
        folders = [f"--root={tmp_path / 'data'}", f"--output={tmp_path / 'out'}"]
        assert main(["prepare", "--dataset=folder", *folders]) == 0

    def test_rendering_that_was_killed_begins_anew(self, tmp_path):
        (partial_path(tmp_path / "one") / "img").mkdir(parents=True)
        write_otb(synthetic_sequence(0, 2, (64, 48)), tmp_path / "one", ".jpg")
        assert [path.name for path in tmp_path.iterdir()] == ["one"]

    @pytest.mark.parametrize("name", ["failures.json", "run.json"])
    def test_records_that_hold_something_else(self, tmp_path, capsys, name):
        make_otb(tmp_path / "data", frames=2)
        arguments = [
            "benchmark",
            "--dataset",
            "folder",
            "--root",
            tmp_path / "data",
            "--output",
            tmp_path / "out",
        ]
        folder = tmp_path / "out" / "results" / "folder" / "identity"
        folder.mkdir(parents=True)
        (folder / "Car4.txt").write_text(box_lines(2))
        (folder / name).write_text("[]")
        assert "identity" in refused([*arguments, "--trackers", "identity"], capsys)


def test_a_frame_range_or_got10k_file_never_takes_long(tmp_path):
    name, _ = make_got10k(tmp_path)
    (tmp_path / "val" / name / "meta_info.ini").write_text("resolution: " + "(" * 100_000)
    started = time.monotonic()
    assert name in load_dataset("got10k", tmp_path).broken
    assert time.monotonic() - started < 5


def test_run_json_names_the_processor(tmp_path):
    with VideoWriter(tmp_path / "x.avi") as writer:
        for _ in range(2):
            writer.write(np.zeros((48, 64, 3), np.uint8))
    arguments = ["track", str(tmp_path / "x.avi"), "--init-bbox", "9,9,20,16", "--tracker", "identity"]
    assert main([*arguments, "--output", str(tmp_path / "out")]) == 0
    assert "cores" in json.loads((tmp_path / "out" / "run.json").read_text())["machine"]
