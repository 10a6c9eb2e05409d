"""A session and its pages: commands come in, pictures go out, and the trackers run in a thread."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from experiments.serve.session import Session

T = TypeVar("T")

SEND_SECONDS = 10.0
"""A page that takes no picture for this long is dropped."""


class Live:
    """A session with a thread of its own.

    Playing goes on only when every page has taken the last picture, so that pictures do not pile up on a slow
    connection.

    Args:
        session: The session; only this object's thread calls it from now on.
        folder: The session's folder, for the video to download.
    """

    def __init__(self, session: Session, folder: Path) -> None:
        self.session, self.folder = session, folder
        self.sockets: set[web.WebSocketResponse] = set()
        self.last_seen = time.monotonic()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="session")
        self._turn = asyncio.Lock()
        self._painting = asyncio.Lock()
        self._playing: asyncio.Task[None] | None = None
        self._response_of: int | None = None
        self._paused = True

    async def run(self, call: Callable[..., T], *arguments: Any) -> T:
        """Call a method of the session in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    async def command(self, message: Any) -> None:
        """Do a page's command, and show the outcome on all pages.

        Raises:
            ValueError: The command cannot be done; the message says why.
        """
        if not isinstance(message, dict):
            raise ValueError("a command must be a JSON object")
        do = message.get("do")
        async with self._turn:
            await self._pause()
            if do == "play":
                self._paused = False
                self._playing = asyncio.create_task(self._play())
                return
            if do == "step":
                await self.run(self.session.advance)
            elif do == "show":
                await self.run(self.session.show, _whole(message, "frame"))
            elif do == "add":
                await self.run(self.session.add, _bbox(message), _names(message, "trackers"))
                self._response_of = max(self.session.lanes)
            elif do == "correct":
                forget = bool(message.get("forget"))
                await self.run(self.session.correct, _whole(message, "lane"), _bbox(message), forget)
            elif do == "remove":
                await self.run(self.session.remove, _whole(message, "lane"))
            elif do == "select":
                self._response_of = None if message.get("lane") is None else _whole(message, "lane")
            elif do != "pause":
                raise ValueError(f"unknown command {str(do)[:40]!r}")
            await self.show()

    async def _pause(self) -> None:
        self._paused = True
        if self._playing is not None:
            await self._playing
            self._playing = None

    async def _play(self) -> None:
        """Track at the trackers' speed; frames that were tracked before are shown at the video's speed."""
        problem = {}
        while not self._paused and self.sockets:
            start = time.monotonic()
            try:
                more, tracked = await self.run(self.session.advance)
            except (ValueError, OSError, RuntimeError) as error:
                problem, more, tracked = {"error": str(error)}, False, False
            if not more:
                break
            await self.show()
            if not tracked:
                rest = 1 / (self.session.frames.fps or 25.0) - (time.monotonic() - start)
                await asyncio.sleep(max(rest, 0))
        self._paused = True
        await self.show(only=None, **problem)

    async def show(self, only: web.WebSocketResponse | None = None, **more: Any) -> None:
        """Send the current picture to every page, or to one."""
        view = await self.run(
            lambda: self.session.view(
                self._response_of, playing=not self._paused, selected=self._response_of, **more
            )
        )
        for socket in [only] if only is not None else list(self.sockets):
            try:
                await asyncio.wait_for(socket.send_bytes(view), SEND_SECONDS)
            except (ConnectionError, RuntimeError, TimeoutError):
                self.sockets.discard(socket)
                with contextlib.suppress(ConnectionError, RuntimeError, TimeoutError):
                    await asyncio.wait_for(socket.close(), 1)

    async def paint(self) -> Path:
        """Write the video with the current boxes, in a thread beside the session's; return its path."""
        async with self._painting:
            paint, path = await self.run(self.session.painter), self.folder / "track.webm"
            await asyncio.to_thread(paint, path)
            return path

    async def close(self) -> None:
        """End playing, the pages' connections and the thread, and release the source."""
        async with self._turn:
            await self._pause()
            for socket in list(self.sockets):
                await socket.close(code=1001, message=b"the session is closed")
            await self.run(self.session.close)
            self._thread.shutdown()


def _whole(message: dict[str, Any], key: str) -> int:
    value = message.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 2**31:
        raise ValueError(f"{key} must be a whole number, got {str(value)[:40]}")
    return value


def _bbox(message: dict[str, Any]) -> list[float]:
    value = message.get("bbox")
    good = isinstance(value, list) and len(value) == 4
    if not good or not all(isinstance(one, int | float) and abs(one) < 1e6 for one in value or ()):
        raise ValueError(f"bbox must be four numbers [x, y, w, h], got {str(value)[:60]}")
    return [float(one) for one in value or ()]


def _names(message: dict[str, Any], key: str) -> list[str]:
    value = message.get(key)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{key} must be a list of names, got {str(value)[:60]}")
    return value
