"""The page's addresses: the token, limits, what a session does and that nothing of it is left."""

import asyncio
import io
import json
import zipfile
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer

from data.formats import list_formats, read_tracks
from data.video import open_video
from experiments.serve.app import make_app
from experiments.serve.desk import Desk, Limits
from tests.material.clips import make_clip
from tests.material.serving import BOX, BUILDERS, write_moving

TOKEN = "a-token"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_moving(tmp_path_factory.mktemp("clips") / "moving.webm")


@pytest.fixture
def desk(clip, tmp_path):
    folder = tmp_path / "images"
    make_clip(folder, [(20, 40, 24, 24)] * 5)
    return Desk([str(clip), str(folder)], BUILDERS, Limits(upload_bytes=1 << 20, sessions=2))


def serve(desk, story):
    """Run ``story(client)`` against the application."""

    async def play():
        async with TestClient(TestServer(make_app(desk, TOKEN))) as client:
            await story(client)

    asyncio.run(asyncio.wait_for(play(), 60))


class Page:
    """What a page does: sends commands, takes pictures."""

    def __init__(self, socket):
        self.socket = socket

    async def view(self):
        data = (await self.socket.receive(timeout=10)).data
        if isinstance(data, str):
            raise ValueError(json.loads(data)["error"])
        length = int.from_bytes(data[:4], "big")
        self.jpeg = data[4 + length :]
        return json.loads(data[4 : 4 + length])

    async def do(self, do, **more):
        await self.socket.send_json({"do": do, **more})
        return await self.view()

    async def play_out(self):
        await self.socket.send_json({"do": "play"})
        while (view := await self.view())["playing"]:
            pass
        return view


@asynccontextmanager
async def opened(client, source=0):
    answer = await client.post(f"/{TOKEN}/api/sessions", json={"source": source})
    assert answer.status == 201
    key = (await answer.json())["session"]
    async with client.ws_connect(f"/{TOKEN}/api/sessions/{key}/socket") as socket:
        page = Page(socket)
        page.first = await page.view()
        page.address = f"/{TOKEN}/api/sessions/{key}"
        yield page


@pytest.mark.parametrize(
    "path", ["/", "/other/", "/a-toke/api/offer", "/other/api/uploads", "/other/serve.js"]
)
def test_without_the_token_nothing_is_told(desk, path):
    async def story(client):
        for method in (client.get, client.post):
            answer = await method(path)
            assert answer.status == 403
            assert "token" in (await answer.json())["error"]
        assert not desk.sessions

    serve(desk, story)


def test_the_page_and_its_files_are_all_that_is_served(desk):
    async def story(client):
        page = await client.get(f"/{TOKEN}/")
        assert page.content_type == "text/html"
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        text = await page.text()
        assert "http" not in text
        assert "style=" not in text
        for name in ("serve.js", "stage.js", "serve.css", "page.css"):
            assert f'"{name}"' in text + 'from "stage.js"'
            assert (await client.get(f"/{TOKEN}/{name}")).status == 200
        for path in ("app.py", "..%2fapp.py", "assets/serve.js", "serve.html"):
            assert (await client.get(f"/{TOKEN}/{path}")).status == 404

    serve(desk, story)


def test_a_session_from_the_first_box_to_downloads(desk, tmp_path):
    async def story(client):
        async with opened(client) as page:
            first = page.first
            assert (first["frame"], first["count"], first["lanes"]) == (0, 12, [])
            assert (first["width"], first["height"], first["name"]) == (160, 120, "moving.webm")
            assert page.jpeg[:2] == b"\xff\xd8"
            view = await page.do("add", bbox=BOX, trackers=["gray", "identity"])
            assert [lane["tracker"] for lane in view["lanes"]] == ["gray", "identity"]
            assert view["lanes"][0]["colour"] != view["lanes"][1]["colour"]
            assert view["lanes"][0]["row"]["bbox"] == BOX
            view = await page.do("select", lane=view["lanes"][0]["id"])
            view = await page.do("step")
            assert view["frame"] == 1
            assert view["response"]["lane"] == view["lanes"][0]["id"]
            view = await page.play_out()
            assert view["frame"] == 11
            gray, still = view["lanes"]
            np.testing.assert_allclose(gray["row"]["bbox"], [53, 40, 24, 24], atol=1.5)
            assert still["row"]["bbox"] == BOX
            assert gray["runs"][0][0] == 0

            for format in list_formats():
                answer = await client.get(f"{page.address}/boxes", params={"format": format})
                assert answer.status == 200, await answer.text()
                check_boxes(tmp_path / format, format, await answer.read())
            answer = await client.get(f"{page.address}/video")
            (tmp_path / "out.webm").write_bytes(await answer.read())
            frames = list(open_video(tmp_path / "out.webm"))
            assert len(frames) == 12
            red, green, blue = frames[11][40, 55:70].mean(axis=0)  # the upper side of the moving box
            assert green > red + 40
            assert blue > red
        assert (await client.delete(page.address)).status == 200
        assert (await client.get(f"{page.address}/boxes")).status == 404
        assert not list(desk.folder.iterdir())

    serve(desk, story)
    assert not desk.folder.exists()


def check_boxes(folder, format, content):
    folder.mkdir()
    if content[:2] == b"PK":
        zipfile.ZipFile(io.BytesIO(content)).extractall(folder)
        path = folder if format in ("otb", "got10k") else next(folder.glob("tasks.json"))
    else:
        path = folder / "file"
        path.write_bytes(content)
    tracks = read_tracks(path, format)
    assert len(tracks) == 2
    ends = [track.bboxes[-1] for track in tracks]
    distance = min(np.abs(end - (53, 40, 24, 24)).max() for end in ends)
    assert distance < 1.5


def test_a_correction_drops_what_came_after_it(desk):
    async def story(client):
        async with opened(client) as page:
            view = await page.do("add", bbox=BOX, trackers=["identity"])
            lane = view["lanes"][0]["id"]
            await page.play_out()
            view = await page.do("show", frame=5)
            assert view["lanes"][0]["last"] == 11
            view = await page.do("correct", lane=lane, bbox=[35, 40, 24, 24])
            assert view["lanes"][0]["last"] == 5
            assert view["lanes"][0]["drawn"] == [0, 5]
            assert view["lanes"][0]["runs"] == [[0, 5, 0]]
            view = await page.play_out()
            assert view["lanes"][0]["row"]["bbox"] == [35, 40, 24, 24]
            view = await page.do("show", frame=4)
            assert view["lanes"][0]["row"]["bbox"] == BOX
            view = await page.do("remove", lane=lane)
            assert view["lanes"] == []

    serve(desk, story)


def test_a_folder_of_images_and_its_names(desk):
    async def story(client):
        async with opened(client, 1) as page:
            await page.do("add", bbox=BOX, trackers=["identity"])
            await page.play_out()
            answer = await client.get(f"{page.address}/boxes?format=csv")
            assert "0004.png" in await answer.text()

    serve(desk, story)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ({"do": "add", "bbox": BOX, "trackers": []}, "choose at least one tracker"),
        ({"do": "add", "bbox": BOX, "trackers": ["nobody"]}, "unknown tracker 'nobody'"),
        ({"do": "add", "bbox": [500, 1, 9, 9], "trackers": ["gray"]}, "centre inside the 160x120 frame"),
        ({"do": "add", "bbox": [1, 2, 3], "trackers": ["gray"]}, "four numbers"),
        ({"do": "add", "bbox": "here", "trackers": ["gray"]}, "four numbers"),
        ({"do": "add", "bbox": [1, 2, 3, "4"], "trackers": ["gray"]}, "four numbers"),
        ({"do": "correct", "lane": 7, "bbox": BOX}, "no box 7"),
        ({"do": "remove", "lane": "x"}, "whole number"),
        ({"do": "show", "frame": -1}, "0 or more"),
        ({"do": "show"}, "whole number"),
        ({"do": "dance"}, "unknown command 'dance'"),
        ([1], "JSON object"),
    ],
)
def test_a_wrong_command_is_answered_and_the_session_goes_on(desk, command, message):
    async def story(client):
        async with opened(client) as page:
            await page.socket.send_json(command)
            with pytest.raises(ValueError, match=message):
                await page.view()
            assert (await page.do("step"))["frame"] == 1

    serve(desk, story)


def test_downloads_without_a_box_are_refused(desk):
    async def story(client):
        async with opened(client) as page:
            for what in ("boxes?format=csv", "video"):
                answer = await client.get(f"{page.address}/{what}")
                assert answer.status == 400
                assert "draw a box" in (await answer.json())["error"]
            await page.do("add", bbox=BOX, trackers=["identity"])
            answer = await client.get(f"{page.address}/boxes?format=docx")
            assert answer.status == 400
            assert "unknown format 'docx'" in (await answer.json())["error"]

    serve(desk, story)


def test_uploads(desk, clip):
    async def story(client):
        async def send(content, name="my%20car.webm"):
            return await client.post(f"/{TOKEN}/api/uploads?name={name}", data=content)

        answer = await send(clip.read_bytes(), "..%2F..%2Fevil%3Cb%3E.webm")
        assert answer.status == 201
        (live,) = desk.sessions.values()
        assert live.session.name == "evil<b>.webm"
        (stored,) = live.folder.iterdir()
        assert stored.name == "upload.webm"
        for content, status, message in [
            (b"x" * (2 << 20), 413, "larger than the 1 MB"),
            (streamed(b"\x1a\x45\xdf\xa3" + b"x" * (2 << 20)), 413, "larger than the 1 MB"),
            (b"", 415, "empty"),
            (b"#EXTM3U\n#EXT-X-TARGETDURATION:1\nfile:///etc/passwd", 415, "no video"),
            (clip.read_bytes()[:300], 415, "cannot be read"),
        ]:
            answer = await send(content)
            assert answer.status == status
            error = (await answer.json())["error"]
            assert message in error
            assert str(desk.folder) not in error
        assert len(list(desk.folder.iterdir())) == 1
        assert (await send(clip.read_bytes())).status == 201
        assert (await send(clip.read_bytes())).status == 429

    serve(desk, story)


async def streamed(content):
    for start in range(0, len(content), 1 << 16):
        yield content[start : start + (1 << 16)]


def test_a_second_page_sees_the_same_session(desk):
    async def story(client):
        async with opened(client) as page, client.ws_connect(f"{page.address}/socket") as socket:
            other = Page(socket)
            assert (await other.view())["frame"] == 0
            await page.do("add", bbox=BOX, trackers=["identity"])
            assert len((await other.view())["lanes"]) == 1

    serve(desk, story)


def test_wrong_sources_are_said(desk):
    async def story(client):
        for body in ({"source": 9}, {"source": "x"}, {}, []):
            answer = await client.post(f"/{TOKEN}/api/sessions", json=body)
            assert answer.status == 400
        assert (await client.post(f"/{TOKEN}/api/sessions", data=b"{")).status == 400
        assert (await client.get(f"/{TOKEN}/api/sessions/none/socket")).status == 404

    serve(desk, story)
