import asyncio

import pytest

from experiments.serve.desk import Desk, Limits, TooManySessions
from tests.material.serving import BUILDERS, write_moving


@pytest.fixture
def clip(tmp_path):
    return str(write_moving(tmp_path / "moving.webm"))


def run(story):
    asyncio.run(asyncio.wait_for(story, 30))


def test_sessions_are_limited_and_closing_one_makes_room(clip):
    async def story():
        desk = Desk([clip], BUILDERS, Limits(sessions=1))
        key = await desk.open_source(0)
        with pytest.raises(TooManySessions, match="1 sources are open"):
            await desk.open_source(0)
        await desk.close(key)
        await desk.close(key)
        await desk.open_source(0)
        assert len(list(desk.folder.iterdir())) == 1
        await desk.close_all()
        assert not desk.folder.exists()

    run(story())


def test_folders_of_one_name_are_told_apart_and_others_keep_their_last_name():
    names = Desk(["otb/Car4/img", "otb/David/img", "0", "car.mp4"], BUILDERS, Limits()).source_names
    assert names == ["Car4/img", "David/img", "Camera 0", "car.mp4"]


class Page:
    """Stands for a page's connection."""


def test_only_sessions_that_nobody_looks_at_become_idle(clip):
    async def story():
        desk = Desk([clip], BUILDERS, Limits(idle_seconds=50))
        watched, left = await desk.open_source(0), await desk.open_source(0)
        desk.sessions[watched].sockets.add(Page())
        for live in desk.sessions.values():
            live.last_seen -= 100
        await desk.close_idle()
        assert list(desk.sessions) == [watched]
        assert left not in desk.sessions
        desk.sessions[watched].sockets.clear()
        await desk.close_idle()  # it was looked at a moment ago
        assert list(desk.sessions) == [watched]
        desk.sessions[watched].last_seen -= 100
        await desk.close_idle()
        assert not desk.sessions
        await desk.close_all()

    run(story())


def test_what_cannot_be_opened_leaves_nothing(tmp_path):
    (tmp_path / "empty").mkdir()

    async def story():
        desk = Desk([str(tmp_path / "empty")], BUILDERS, Limits())
        with pytest.raises(ValueError, match="holds no image"):
            await desk.open_source(0)
        with pytest.raises(ValueError, match="no source 3"):
            await desk.open_source(3)
        assert not desk.sessions
        assert not list(desk.folder.iterdir())
        await desk.close_all()

    run(story())
