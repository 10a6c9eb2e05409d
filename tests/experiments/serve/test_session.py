import json

import numpy as np
import pytest

from data.video import open_video
from data.video.numbered import open_frames
from experiments.serve.session import MAX_LANES, Session
from tests.material.serving import BOX, BUILDERS, write_moving


@pytest.fixture
def session(tmp_path):
    opened = Session("moving.webm", open_frames(write_moving(tmp_path / "moving.webm"), tmp_path), BUILDERS)
    yield opened
    opened.close()


def header(view):
    return json.loads(view[4 : 4 + int.from_bytes(view[:4], "big")])


def test_going_on_tracks_and_going_back_shows_what_was_tracked(session):
    session.add(BOX, ["identity"])
    assert [session.advance() for _ in range(2)] == [(True, True)] * 2
    session.show(0)
    assert session.advance() == (True, False)
    session.show(99)
    assert session.frame == 11
    assert session.advance() == (False, False)


def test_all_trackers_start_or_none(session):
    with pytest.raises(ValueError, match="unknown tracker"):
        session.add(BOX, ["identity", "nobody"])
    with pytest.raises(ValueError, match="centre inside"):
        session.add((500, 0, 9, 9), ["identity", "gray"])
    assert not session.lanes
    session.add(BOX, ["identity", "identity"])
    assert len(session.lanes) == 1


def test_no_more_lanes_than_the_limit_and_the_first_colours_differ(session):
    for _ in range(MAX_LANES):
        session.add(BOX, ["identity"])
    assert len({lane.colour for lane in session.lanes.values()}) == 7
    with pytest.raises(ValueError, match=f"at most {MAX_LANES}"):
        session.add(BOX, ["identity"])
    gone = session.lanes[1].colour
    session.remove(1)
    session.add(BOX, ["identity"])
    assert session.lanes[MAX_LANES + 1].colour == min(
        [gone], key=[lane.colour for lane in session.lanes.values()].count
    )


def test_the_view_is_a_header_and_a_jpeg(session):
    session.add(BOX, ["gray"])
    session.advance()
    view = session.view(1, playing=True)
    shown = header(view)
    assert (shown["frame"], shown["playing"], shown["response"]["lane"]) == (1, True, 1)
    assert view[4 + int.from_bytes(view[:4], "big") :][:2] == b"\xff\xd8"
    assert header(session.view(None))["response"] is None
    assert header(session.view(77))["response"] is None


def test_the_video_has_the_frames_from_the_first_box_on(session, tmp_path):
    session.show(4)
    session.add(BOX, ["identity"])
    session.advance()
    paint = session.painter()
    session.remove(1)  # what is painted is what was there when it was asked for
    paint(tmp_path / "out.webm")
    frames = list(open_video(tmp_path / "out.webm"))
    assert len(frames) == 2
    red, green, blue = frames[1][50, 18:22].astype(float).mean(axis=0)  # the left side, in the first colour
    assert green > max(red, blue)
    with pytest.raises(ValueError, match="draw a box"):
        session.results()


def test_results_know_the_video(session):
    session.add(BOX, ["identity"])
    (result,) = session.results()
    assert (result.source, result.frame_wh, result.frame_count, result.fps) == (
        "moving.webm",
        (160, 120),
        12,
        20,
    )
    np.testing.assert_array_equal(result.bboxes, [BOX])
