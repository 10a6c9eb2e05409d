import asyncio
import json

from data.video.numbered import open_frames
from experiments.serve.live import Live
from experiments.serve.session import Session
from tests.material.serving import BOX, BUILDERS, write_moving


class Socket:
    """Keeps what is sent to a page; a broken one raises."""

    def __init__(self, broken=False):
        self.frames, self.broken, self.closed = [], broken, False

    async def send_bytes(self, view):
        if self.broken:
            raise ConnectionResetError
        self.frames.append(json.loads(view[4 : 4 + int.from_bytes(view[:4], "big")]))

    async def close(self, **_):
        self.closed = True


def play(tmp_path, story):
    async def begin():
        frames = open_frames(write_moving(tmp_path / "moving.webm"), tmp_path)
        live = Live(Session("moving.webm", frames, BUILDERS), tmp_path)
        await story(live)
        await live.close()

    asyncio.run(asyncio.wait_for(begin(), 60))


def test_every_frame_is_shown_once_and_playing_ends_with_the_video(tmp_path):
    async def story(live):
        socket = Socket()
        live.sockets.add(socket)
        await live.command({"do": "add", "bbox": BOX, "trackers": ["identity"]})
        await live.command({"do": "play"})
        await live._playing
        assert [one["frame"] for one in socket.frames] == [0, *range(1, 12), 11]
        assert [one["playing"] for one in socket.frames] == [False, *[True] * 11, False]

    play(tmp_path, story)


def test_a_command_pauses_what_plays(tmp_path):
    async def story(live):
        socket = Socket()
        live.sockets.add(socket)
        await live.command({"do": "add", "bbox": BOX, "trackers": ["identity"]})
        await live.command({"do": "play"})
        await live.command({"do": "show", "frame": 0})
        assert (socket.frames[-1]["frame"], socket.frames[-1]["playing"]) == (0, False)
        sent = len(socket.frames)
        await asyncio.sleep(0.1)
        assert len(socket.frames) == sent

    play(tmp_path, story)


def test_a_correction_forgets_what_was_learned_when_it_is_told_to(tmp_path):
    ends = []

    async def story(live):
        live.sockets.add(Socket())
        await live.command({"do": "add", "bbox": BOX, "trackers": ["gray"]})
        for forget in (False, True):
            await live.command({"do": "show", "frame": 0})
            for _ in range(5):
                await live.command({"do": "step"})
            await live.command({"do": "correct", "lane": 1, "bbox": [36, 38, 24, 24], "forget": forget})
            await live.command({"do": "step"})
            ends.append(live.session.lanes[1].rows[6].bbox.tolist())

    play(tmp_path, story)
    assert ends[0] != ends[1]


def test_a_page_that_has_gone_is_left_out(tmp_path):
    async def story(live):
        gone, here = Socket(broken=True), Socket()
        live.sockets |= {gone, here}
        await live.command({"do": "step"})
        assert live.sockets == {here}
        assert gone.closed
        assert here.frames[-1]["frame"] == 1

    play(tmp_path, story)


def test_without_a_page_nothing_plays(tmp_path):
    async def story(live):
        await live.command({"do": "play"})
        await live._playing
        assert live.session.frame == 0

    play(tmp_path, story)
