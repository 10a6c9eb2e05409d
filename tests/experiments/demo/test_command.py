"""The demo: every number on the page is the one its files give, every link leads somewhere."""

import json
import sys
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest
from got10k.utils.metrics import center_error, rect_iou

from data import VideoWriter, open_video, synthetic_sequence
from data.synthetic.scene import Wave
from experiments.__main__ import main
from experiments.demo.command import FRAME_WH, SCENES, TRACKERS
from experiments.demo.showcase import fps_text, show, table
from tracker import load_tracker

NAMES = ("gray", "identity")


def trackers():
    return {name: load_tracker(name) for name in NAMES}


def still_sequence():
    """A target that does not move, under a name that is bad for HTML and for addresses."""
    sequence = synthetic_sequence(3, 6, (120, 90))
    target = replace(sequence.target, x=Wave(60.0), y=Wave(45.0))
    return replace(sequence, name='still <b>&"50%', target=target)


@pytest.fixture(scope="module")
def sequences():
    return [still_sequence(), synthetic_sequence(1, 8, (120, 90), ["SV", "FM"], colour=False)]


@pytest.fixture(scope="module")
def shown(sequences, tmp_path_factory):
    """Folder of a small demo, and the numbers it returned."""
    folder = tmp_path_factory.mktemp("demo") / "new"
    return folder, *show(sequences, trackers(), folder)


class Page(HTMLParser):
    """Links, text and table cells of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.tags, self.text, self.rows = [], [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href") and value != "data:,"]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        self.text += data
        if self.tags and self.tags[-1] in ("td", "th") and data.strip():
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def page(shown):
    return Page((shown[0] / "index.html").read_text("utf-8"))


def test_standing_still_is_perfect_where_nothing_moves(shown, sequences):
    _, rows, _ = shown
    identity = rows[sequences[0].name]["identity"]
    assert identity["success_auc"] == pytest.approx(20 / 21)
    assert identity["precision_20"] == 1
    assert identity["first_miss"] is None


def test_the_scores_are_those_got10k_gives_for_the_files(shown, sequences):
    folder, rows, mean = shown
    for name in NAMES:
        curves = []
        for sequence in sequences:
            boxes = np.loadtxt(
                folder / "results" / "synthetic" / name / f"{sequence.name}.txt", delimiter=","
            )
            truth = sequence.bboxes + (1, 1, 0, 0)
            success = np.mean(rect_iou(boxes, truth)[:, None] > np.linspace(0, 1, 21), axis=0).mean()
            precision = np.mean(center_error(boxes, truth) <= 20)
            assert rows[sequence.name][name]["success_auc"] == pytest.approx(success, abs=1e-9)
            assert rows[sequence.name][name]["precision_20"] == pytest.approx(precision)
            curves.append((success, precision))
        assert (mean[name]["success_auc"], mean[name]["precision_20"]) == pytest.approx(
            np.mean(curves, axis=0)
        )


def test_the_json_holds_what_was_returned(shown):
    folder, rows, mean = shown
    content = json.loads((folder / "scores.json").read_text())
    assert (content["sequences"], content["mean"]) == (rows, mean)
    assert "torch" in content["versions"]


def test_each_video_has_every_frame(shown, sequences):
    for sequence in sequences:
        frames = list(open_video(shown[0] / "videos" / f"{sequence.name}.webm"))
        assert len(frames) == len(sequence)
        assert frames[0].shape == (90, 120, 3)


def test_every_link_leads_to_a_file_of_the_folder(shown, page):
    assert len(page.links) == 2 + 2 + 2  # videos, plots, scores and results
    for link in page.links:
        assert (shown[0] / unquote(link)).exists(), link


def test_the_page_needs_nothing_from_elsewhere(shown, page):
    assert "://" not in (shown[0] / "index.html").read_text("utf-8")
    assert "script" not in page.tags


def test_names_are_text_and_not_markup(shown, page, sequences):
    raw = (shown[0] / "index.html").read_text("utf-8")
    assert "still <b>" not in raw
    assert sequences[0].name in page.text


def test_the_table_on_the_page_and_in_the_terminal_show_the_scores(shown, page, sequences):
    _, rows, mean = shown
    head, *body = page.rows
    assert [cell.strip() for cell in head] == ["sequence", *NAMES]
    expected = [
        [name, *(f"{one['success_auc']:.3f} / {one['precision_20']:.3f}" for one in numbers.values())]
        for name, numbers in {**rows, "mean": mean}.items()
    ]
    assert [[cell.strip() for cell in row] for row in body[:-1]] == expected
    printed = table(rows, mean).splitlines()
    assert printed[0].split() == list(NAMES)
    for row, line in zip(expected, printed[1:], strict=False):
        assert line.startswith(row[0])
        assert line[len(row[0]) :].split("  ")[-1].strip() == row[-1]
    assert body[-1][0] == "fps"
    assert [cell.strip() for cell in body[-1][1:]] == [fps_text(one["fps"]) for one in mean.values()]


def test_speed_of_next_to_nothing_is_no_number():
    assert (fps_text(83.91), fps_text(438204.0)) == ("83.9", "over 1000")


def test_the_same_demo_again_gives_the_same_boxes(shown, sequences, tmp_path):
    show(sequences, trackers(), tmp_path)
    for path in (shown[0] / "results").rglob("*.txt"):
        assert (tmp_path / path.relative_to(shown[0])).read_bytes() == path.read_bytes()


def run(*arguments):
    return main(["demo", *map(str, arguments)])


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_one_line(place, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert run("--output", tmp_path / place) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "give another --output" in said
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("length", [1, 0, -5])
def test_a_length_without_tracking_is_one_line_and_makes_nothing(length, tmp_path, capsys):
    assert run("--output", tmp_path / "out", "--length", length) == 2
    assert capsys.readouterr().err == f"error: --length must be 2 or more frames, got {length}\n"
    assert not (tmp_path / "out").exists()


def test_ctrl_c_leaves_whole_files_and_no_page_of_an_earlier_run(tmp_path, monkeypatch, capsys):
    (tmp_path / "index.html").write_text("of an earlier run")
    write = VideoWriter.write

    def interrupted(self, frame):
        if self.frames_written == 2:
            raise KeyboardInterrupt
        write(self, frame)

    monkeypatch.setattr(VideoWriter, "write", interrupted)
    assert run("--output", tmp_path, "--length", 4, "--no-train") == 130
    assert capsys.readouterr().err.endswith("interrupted\n")
    (video,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert len(list(open_video(video))) == 2


@pytest.mark.slow
def test_the_command_shows_all_scenes_and_says_where(tmp_path, capsys):
    assert run("--output", tmp_path, "--length", 2, "--no-train") == 0
    said = capsys.readouterr().out
    assert said.endswith(
        f"open {tmp_path / 'index.html'}, and {tmp_path / 'report.html'} to explore the scores\n"
        f"track in your own videos, in the browser: {sys.executable} -m experiments serve\n"
    )
    assert (tmp_path / "report.html").is_file()
    assert all(name in said for name in TRACKERS)
    videos = sorted((tmp_path / "videos").iterdir())
    assert len(videos) == len(SCENES)
    width, height = FRAME_WH
    assert next(open_video(videos[0])).shape == (height, width, 3)
    challenges = {name for attributes, _ in SCENES for name in attributes}
    assert challenges >= {"SV", "IPR", "OCC", "IV", "MB", "FM", "BC"}
    assert not all(colour for _, colour in SCENES)
