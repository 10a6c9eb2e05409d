"""The track command as a person uses it: what it writes, and what it says of every mistake."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from filelock import FileLock

from data import VideoWriter, open_video, read_bboxes, synthetic_sequence, write_otb
from data.boxes import bbox_iou, parse_bbox
from data.formats import read_tracks
from experiments.__main__ import main
from experiments.track.command import folder_name

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def sequence():
    return synthetic_sequence(seed=1, length=12, size=(160, 120))


@pytest.fixture(scope="module")
def images(sequence, tmp_path_factory):
    """A folder of frames, and the first box as the command line takes it."""
    folder = tmp_path_factory.mktemp("sequence")
    write_otb(sequence, folder)
    return folder / "img"


@pytest.fixture(scope="module")
def video(sequence, tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "clip.avi"
    with VideoWriter(path, fps=25) as writer:
        for frame in sequence.frames():
            writer.write(frame)
    return path


@pytest.fixture(scope="module")
def box(sequence):
    return ",".join(f"{value:.3f}" for value in sequence.bboxes[0])


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out"


def track(*arguments):
    return main(["track", *map(str, arguments)])


def one_line_error(capsys):
    """The single line on stderr."""
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_a_video_gives_boxes_a_table_and_a_record(video, box, output, sequence, capsys):
    assert track(video, "--init-bbox", box, "--output", output) == 0
    boxes = read_bboxes(output / "boxes.txt")
    assert bbox_iou(boxes, sequence.bboxes).min() > 0.6
    rows = list(csv.DictReader((output / "track.csv").open()))
    assert [int(row["frame"]) for row in rows] == list(range(12))
    table = np.array([[float(row[key]) for key in "xywh"] for row in rows])
    assert table == pytest.approx(boxes, abs=1e-3)
    assert rows[0]["score"] == rows[0]["psr"] == ""
    assert {row["target"] for row in rows} == {"target"}
    assert all(float(row["score"]) > 0 and float(row["psr"]) > 0 for row in rows[1:])
    assert all(float(row["milliseconds"]) > 0 and row["lost"] in "01" for row in rows)
    record = json.loads((output / "run.json").read_text())
    assert record["frames"] == 12
    assert record["settings"]["tracker"] == "fast"
    assert "12 frames tracked" in capsys.readouterr().out


def test_the_first_line_of_boxes_is_the_box_that_was_given_in_ones_based_form(images, output):
    assert track(images, "--init-bbox", "60,40,30,20", "--output", output, "--tracker", "identity") == 0
    assert (output / "boxes.txt").read_text().splitlines() == ["61.000,41.000,30.000,20.000"] * 12


def test_other_tools_get_the_boxes_in_their_formats(images, box, output, capsys):
    wanted = ["--format", "coco", "otb"]
    assert track(images, "--init-bbox", box, "--output", output, "--tracker", "gray", *wanted) == 0
    boxes = read_bboxes(output / "boxes.txt")
    (coco,) = read_tracks(output / "annotations" / "coco.json", "coco")
    np.testing.assert_allclose(coco.bboxes, boxes, atol=1e-3)
    (otb,) = read_tracks(output / "annotations", "otb")
    np.testing.assert_allclose(otb.bboxes, boxes, atol=1e-3)
    assert track(images, "--init-bbox", box, "--output", output, "--tracker", "gray", "--overwrite") == 0
    assert not (output / "annotations").exists()
    capsys.readouterr()
    assert track(images, "--init-bbox", box, "--output", output, "--format", "cocoo", "--overwrite") == 2
    assert "did you mean 'coco'" in one_line_error(capsys)


@pytest.mark.parametrize("pattern", [False, True])
def test_a_folder_and_a_glob_of_images_are_the_same_source(images, box, output, pattern):
    source = f"{images}/*.png" if pattern else images
    assert track(source, "--init-bbox", box, "--output", output, "--tracker", "gray") == 0
    assert len(read_bboxes(output / "boxes.txt")) == 12


def test_the_saved_videos_play_and_show_the_box(video, box, output, sequence):
    assert track(video, "--init-bbox", box, "--output", output, "--save-video", "--save-response") == 0
    saved = sorted(path for path in output.iterdir() if path.suffix in (".mp4", ".webm"))
    assert [path.stem for path in saved] == ["response", "track"]
    for path in saved:
        with open_video(path) as frames:
            assert len(list(frames)) == 12
    with open_video(saved[1]) as frames:
        last = list(frames)[-1].astype(int)
    x, y, w, h = read_bboxes(output / "boxes.txt")[-1].round().astype(int)
    rows = slice(y + h - 3, y + h + 2)  # the line lies in one of them or between two, and videos blur colours
    edge, original = (image[rows, x : x + w].astype(int) for image in (last, sequence.frame(11)))
    greener = (edge[..., 1] - edge[..., 0]) - (original[..., 1] - original[..., 0])
    assert np.median(greener, axis=1).max() > 40  # the box is drawn in green, edged in black


def test_pieces_of_the_tracker_can_be_chosen(images, box, output):
    arguments = ["--tracker", "hog", "--backbone", "color", "--filter", "ridge"]
    assert track(images, "--init-bbox", box, "--output", output, *arguments) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--init-bbox", "1,2,3"], "must be four numbers X,Y,W,H"),
        (["--init-bbox", "a,b,c,d"], "must be four numbers"),
        (["--init-bbox", "10,10,0,5"], "w, h > 0"),
        (["--init-bbox", "10,10,-4,5"], "w, h > 0"),
        (["--init-bbox", "nan,10,5,5"], "4 finite numbers"),
        (["--init-bbox", "10,10,1,1"], "at least 2 pixels"),
        (["--init-bbox", "500,10,20,20"], "centre inside the 160x120 frame"),
        (["--init-bbox=-40,10,20,20"], "centre inside"),
        (["--init-bbox", "-100,0,400,20"], "larger than the 160x120 frame"),
        (["--init-bbox", "10,10,20,20", "--tracker", "hgo"], "did you mean 'hog'"),
        (["--init-bbox", "10,10,20,20", "--tracker", "hog", "--backbone", "hogg"], "did you mean 'hog'"),
        (["--init-bbox", "10,10,20,20", "--filter", "ridgy"], "did you mean 'ridge'"),
        (["--init-bbox", "10,10,20,20", "--backbone", "hog"], "a trained network has features of its own"),
        (
            ["--init-bbox", "10,10,20,20", "--weights", "x.safetensors"],
            "weights of fast do not exist",
        ),
        (["--init-bbox", "10,10,20,20", "--device", "gpu"], "device must be like"),
        (
            ["--init-bbox", "10,10,20,20", "--tracker", "hog", "--weights", "x.npz"],
            "weights of hog do not exist",
        ),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(images, output, capsys, arguments, message):
    assert track(images, "--output", output, *arguments) == 2
    assert message in one_line_error(capsys)
    assert not output.exists()


def test_a_damaged_weights_file_is_one_line(images, box, output, tmp_path, capsys):
    (tmp_path / "net.npz").write_bytes(b"PK\x03\x04 not really")
    arguments = ["--tracker", "squeezenet", "--weights", tmp_path / "net.npz"]
    assert track(images, "--init-bbox", box, "--output", output, *arguments) == 2
    assert "could not be read" in one_line_error(capsys)


def test_sources_that_are_none_are_one_line(tmp_path, box, output, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    for source in ("missing.mp4", "empty", "text.mp4", "empty/*.png"):
        assert track(tmp_path / source, "--init-bbox", box, "--output", output) == 2
        assert source.split("/")[0].split(".")[0] in one_line_error(capsys)
    assert not output.exists()


@pytest.mark.skipif(
    os.geteuid() == 0 and not Path("/proc").is_dir(), reason="needs a folder that root cannot write"
)
def test_an_output_folder_that_cannot_be_written_is_one_line(images, box, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere")):
        assert track(images, "--init-bbox", box, "--output", folder) == 2
        assert str(folder) in one_line_error(capsys)


def test_frames_of_mixed_sizes_keep_what_was_tracked(sequence, tmp_path, box, output, capsys):
    for index in range(5):
        frame = sequence.frame(index) if index < 4 else np.zeros((50, 60, 3), np.uint8)
        cv2.imwrite(str(tmp_path / f"{index}.png"), frame)
    assert track(tmp_path, "--init-bbox", box, "--output", output) == 2
    captured = capsys.readouterr()
    assert "frame 5 (4.png) is 60x50 but the first was 160x120" in captured.err
    assert "4 frames tracked" in captured.out
    assert len(read_bboxes(output / "boxes.txt")) == 4


def test_a_video_that_breaks_keeps_what_was_tracked(video, tmp_path, box, output, capsys):
    broken = tmp_path / "broken.avi"
    broken.write_bytes(video.read_bytes()[: video.stat().st_size * 2 // 3])
    assert track(broken, "--init-bbox", box, "--output", output, "--save-video") == 2
    captured = capsys.readouterr()
    assert "ended early" in captured.err
    kept = len(read_bboxes(output / "boxes.txt"))
    assert 2 <= kept < 12
    assert f"{kept} frames tracked" in captured.out
    assert "FramesEndedEarly" in json.loads((output / "run.json").read_text())["ended"]
    with open_video(next(iter(output.glob("track.[mw]*")))) as frames:
        assert len(list(frames)) == kept


@pytest.mark.parametrize("arguments", [["--show"], []])
def test_without_a_display_the_window_is_refused_before_opencv_aborts(images, box, output, arguments):
    environment = {key: value for key, value in os.environ.items() if "DISPLAY" not in key}
    command = [sys.executable, "-m", "experiments", "track", str(images), "--output", str(output), *arguments]
    command += ["--init-bbox", box] if arguments else []
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert "needs a display" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_complete_files(tmp_path, sequence, box, output, number, status):
    frames = list(sequence.frames())
    with VideoWriter(tmp_path / "long.avi") as writer:
        for index in range(4000):  # back and forth, long enough that the signal comes first on any machine
            writer.write(frames[abs((index + 11) % 22 - 11)])
    command = [sys.executable, "-m", "experiments", "track", str(tmp_path / "long.avi"), "--init-bbox", box]
    process = subprocess.Popen(
        [*command, "--output", str(output), "--save-video"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A suite started in the background inherits an ignored SIGINT, and Python then leaves it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not list(output.glob(".partial/*track.*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert f"interrupted by {number.name}" in err.decode()
    kept = len(read_bboxes(output / "boxes.txt"))
    assert 1 <= kept < 4000
    assert f"{kept} frames tracked" in out.decode()
    assert len((output / "track.csv").read_text().splitlines()) == kept + 1
    with open_video(next(iter(output.glob("track.[mw]*")))) as frames:
        assert len(list(frames)) == kept
    assert not list(output.glob(".*"))


def test_the_results_of_another_source_are_never_mixed(images, box, output, capsys):
    arguments = ["--output", output, "--tracker", "identity", "--init-bbox"]
    assert track(images, *arguments, box, "--save-video") == 0
    before = {path.name: path.read_bytes() for path in output.iterdir()}
    capsys.readouterr()
    assert track(images, *arguments, "60,40,30,20") == 2
    assert "holds the boxes.txt of an earlier run" in one_line_error(capsys)
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before
    assert track(images, *arguments, "60,40,30,20", "--overwrite") == 0
    assert sorted(path.name for path in output.iterdir()) == ["boxes.txt", "run.json", "track.csv"]
    assert (output / "boxes.txt").read_text().startswith("61.000,41.000")


def test_two_runs_at_once_into_one_folder(images, box, output, capsys):
    output.mkdir()
    with FileLock(output.with_name(f".{output.name}.lock")):
        assert track(images, "--init-bbox", box, "--output", output, "--tracker", "identity") == 2
    assert "another run is writing into" in one_line_error(capsys)


def test_a_disk_that_fills_up_on_the_way_leaves_the_earlier_run_as_it_was(sequence, tmp_path, box):
    """A process whose files may have 30 kilobytes, 240 frames long."""
    frames = list(sequence.frames())
    with VideoWriter(tmp_path / "long.avi") as writer:
        for index in range(240):
            writer.write(frames[abs((index + 11) % 22 - 11)])
    output = tmp_path / "out"
    output.mkdir()
    (output / "boxes.txt").write_text("old")
    code = (
        "import resource, sys; from experiments.__main__ import main\n"
        "import experiments.track.files, experiments.trackers.follow\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30 * 1024,) * 2)\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    arguments = [
        "track",
        tmp_path / "long.avi",
        "--init-bbox",
        box,
        "--output",
        output,
        "--tracker",
        "identity",
    ]
    command = [sys.executable, "-c", code, *map(str, arguments), "--overwrite", "--save-video"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert f"cannot write {output}" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert [path.name for path in output.iterdir()] == ["boxes.txt"]
    assert (output / "boxes.txt").read_text() == "old"


def test_one_image_has_no_speed_and_its_record_is_json(images, box, output, capsys):
    first = sorted(images.iterdir())[0]
    assert track(first, "--init-bbox", box, "--output", output, "--tracker", "gray", "--threads", "1") == 0
    assert "nan" not in capsys.readouterr().out
    record = json.loads((output / "run.json").read_text(), parse_constant=pytest.fail)
    assert record["timing"]["fps"] is None
    assert record["settings"]["threads"] == 1
    assert record["settings"]["save_video"] is False
    assert record["settings"]["output"] == str(output)
    assert record["settings"]["init_bbox"] == [box]


def test_the_times_of_a_video_are_in_the_table_and_in_the_written_video(
    sequence, box, output, tmp_path, capsys
):
    times = [0, 0.04, 0.08, 0.5, 1.0, 1.04]
    with VideoWriter(tmp_path / "vary.webm") as writer:
        for index, when in enumerate(times):
            writer.write(sequence.frame(index), when)
    arguments = ["--init-bbox", box, "--output", output, "--tracker", "identity", "--save-video"]
    assert track(tmp_path / "vary.webm", *arguments) == 0
    rows = csv.DictReader((output / "track.csv").open())
    assert [float(row["time"]) for row in rows] == pytest.approx(times, abs=1e-3)
    with open_video(next(iter(output.glob("track.[mw]*")))) as video:
        assert [video.time for _ in video] == pytest.approx(times, abs=2e-3)
    assert "fps in all" in capsys.readouterr().out


def test_a_folder_named_01_is_no_camera(images, box, output, tmp_path, monkeypatch):
    images_of_01 = tmp_path / "01"
    images_of_01.symlink_to(images)
    monkeypatch.chdir(tmp_path)
    assert track("01", "--init-bbox", box, "--output", output, "--tracker", "identity") == 0
    assert track("02", "--init-bbox", box, "--output", output, "--tracker", "identity") == 2


def test_debug_shows_where_an_error_comes_from(images, output):
    with pytest.raises(ValueError, match="w, h > 0"):
        track(images, "--init-bbox", "1,1,0,0", "--output", output, "--debug")


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("a/car.mp4", "car.mp4"),
        ("a/car.mkv", "car.mkv"),
        ("seqA/img", "seqA"),
        ("seqB/img/*.jpg", "seqB"),
        ("MOT/01/img1/", "01"),
        ("vot/car/color", "car"),
        ("a/frames/", "a"),
        ("img", "img"),
        ("0", "camera0"),
        ("rtsp://host/live", "live"),
        ("a/*.png", "a"),
        ("*.png", "source"),
        ("a/.hidden", "hidden"),
        ("a/v1.2 final.avi", "v1.2_final.avi"),
    ],
)
def test_results_go_into_a_folder_named_after_the_source(source, name):
    assert folder_name(source) == name


def test_a_box_may_hold_fractions_and_spaces():
    assert parse_bbox("1.5, -2,3,4e1") == (1.5, -2, 3, 40)
