"""The web application: the answer of each address."""

import asyncio
import hmac
import io
import json
import zipfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from aiohttp import WSMsgType, web
from aiohttp.typedefs import Handler

from data.formats import list_formats, render_tracks
from experiments.drawing.pages import STYLE, render_page
from experiments.serve.desk import Desk, TooManySessions
from experiments.serve.live import Live
from experiments.serve.uploads import RefusedUpload

_FOLDER = Path(__file__).with_name("assets")
ASSETS = {
    "": (_FOLDER / "serve.html", "text/html"),
    "page.css": (STYLE, "text/css"),
    "serve.css": (_FOLDER / "serve.css", "text/css"),
    "serve.js": (_FOLDER / "serve.js", "text/javascript"),
    "stage.js": (_FOLDER / "stage.js", "text/javascript"),
}
"""Address -> file and its type; no other file is served from disk."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

DESK: web.AppKey[Desk] = web.AppKey("desk", Desk)
IDLE_CHECK_SECONDS = 15.0


def make_app(desk: Desk, token: str) -> web.Application:
    """Make the application, all of whose addresses begin with ``/token/``.

    Args:
        desk: Opens the sessions; closed when the application ends.
        token: First part of every address; other addresses are refused.
    """

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.path.split("/", 2)[1]
        if not hmac.compare_digest(given.encode(), token.encode()):
            return _error(403, "this address lacks the token: open the whole URL that the command printed")
        try:
            return await handler(request)
        except TooManySessions as error:
            return _error(429, str(error))
        except RefusedUpload as error:
            return _error(error.status, str(error))
        except (ValueError, OSError, RuntimeError) as error:
            return _error(400, " ".join(str(error).split()))

    async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(HEADERS)

    app = web.Application(middlewares=[guard], client_max_size=64 << 10)
    app[DESK] = desk
    app.on_response_prepare.append(add_headers)
    app.cleanup_ctx.append(_tend_desk)
    api, one = "/{token}/api", "/{token}/api/sessions/{session}"
    app.add_routes(
        [
            web.get(f"{api}/offer", _offer),
            web.post(f"{api}/sessions", _open_source),
            web.post(f"{api}/uploads", _upload),
            web.delete(one, _close),
            web.get(f"{one}/socket", _socket),
            web.get(f"{one}/boxes", _boxes),
            web.get(f"{one}/video", _video),
            web.get("/{token}/{asset:[^/]*}", _asset),
        ]
    )
    return app


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)


async def _tend_desk(app: web.Application) -> AsyncIterator[None]:
    async def tend() -> None:
        while True:
            await asyncio.sleep(IDLE_CHECK_SECONDS)
            await app[DESK].close_idle()

    task = asyncio.create_task(tend())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await app[DESK].close_all()


def _live(request: web.Request) -> Live:
    live = request.app[DESK].sessions.get(request.match_info["session"])
    if live is None:
        raise web.HTTPNotFound(text="this session is closed")
    return live


async def _asset(request: web.Request) -> web.StreamResponse:
    if request.match_info["asset"] not in ASSETS:
        raise web.HTTPNotFound
    file, kind = ASSETS[request.match_info["asset"]]
    text = render_page(file) if kind == "text/html" else file.read_text("utf-8")
    return web.Response(text=text, content_type=kind, charset="utf-8")


async def _offer(request: web.Request) -> web.Response:
    desk = request.app[DESK]
    return web.json_response(
        {
            "sources": desk.source_names,
            "trackers": list(desk.trackers),
            "formats": list_formats(),
            "upload_bytes": desk.limits.upload_bytes,
        }
    )


async def _open_source(request: web.Request) -> web.Response:
    try:
        index = (await request.json())["source"]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
        index = None
    if not isinstance(index, int):
        raise ValueError('expected JSON {"source": number of the source}')
    return web.json_response({"session": await request.app[DESK].open_source(index)}, status=201)


async def _upload(request: web.Request) -> web.Response:
    desk = request.app[DESK]
    if (request.content_length or 0) > desk.limits.upload_bytes:
        allowed = desk.limits.upload_bytes >> 20
        raise RefusedUpload(413, f"the video is larger than the {allowed} MB allowed here")
    chunks = request.content.iter_chunked(1 << 18)
    key = await desk.open_upload(request.query.get("name", ""), chunks)
    return web.json_response({"session": key}, status=201)


async def _close(request: web.Request) -> web.Response:
    await request.app[DESK].close(request.match_info["session"])
    return web.json_response({})


async def _socket(request: web.Request) -> web.WebSocketResponse:
    live = _live(request)
    socket = web.WebSocketResponse(heartbeat=20, max_msg_size=16 << 10)
    await socket.prepare(request)
    live.sockets.add(socket)
    try:
        await live.show(only=socket)
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                continue
            try:
                await live.command(json.loads(message.data))
            except (ValueError, OSError, RuntimeError) as error:
                await socket.send_json({"error": " ".join(str(error).split())})
    finally:
        live.sockets.discard(socket)
    return socket


async def _boxes(request: web.Request) -> web.StreamResponse:
    """Send the boxes of all lanes in a format: its file, or a zip of its files."""
    live, format = _live(request), request.query.get("format", "csv")
    results = await live.run(live.session.results)
    files = render_tracks(format, results)
    content, ending = io.BytesIO(), f"{format}.zip"
    if len(files) == 1:
        path, text = next(iter(files.items()))
        content, ending = io.BytesIO(text.encode()), Path(path).name
    else:
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
            for path, text in files.items():
                packed.writestr(path, text)
    response = web.Response(body=content.getvalue(), content_type="application/octet-stream")
    return _as_download(response, live, ending)


async def _video(request: web.Request) -> web.StreamResponse:
    live = _live(request)
    response = web.FileResponse(await live.paint())
    response.content_type = "video/webm"
    return _as_download(response, live, "track.webm")


def _as_download(response: web.StreamResponse, live: Live, ending: str) -> web.StreamResponse:
    """Have the browser save the response, under the source's name and an ending."""
    name = quote(f"{Path(live.session.name).stem or 'tracks'}-{ending}")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response
