"""The open sessions, their limits, and the folder of all temporary files."""

import asyncio
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from data.video.numbered import open_frames
from experiments.serve.live import Live
from experiments.serve.session import Session
from experiments.serve.uploads import RefusedUpload, receive
from tracker import Tracker


@dataclass(frozen=True)
class Limits:
    """Limits of the page.

    Attributes:
        upload_bytes: Largest size of an uploaded video.
        sessions: Largest number of open sources.
        idle_seconds: Time without a page after which a session is closed.
    """

    upload_bytes: int = 500 << 20
    sessions: int = 4
    idle_seconds: float = 1800.0


class Desk:
    """Opens and closes sessions.

    Args:
        sources: Sources of the command line: paths of videos and folders, numbers of cameras.
        trackers: Name -> builder.
        limits: See `Limits`.
    """

    def __init__(
        self, sources: Sequence[str], trackers: Mapping[str, Callable[[], Tracker]], limits: Limits
    ) -> None:
        self.sources, self.trackers, self.limits = list(sources), trackers, limits
        self.source_names = [name_source(one, sources) for one in sources]
        self.sessions: dict[str, Live] = {}
        self._opening = 0
        self.folder = Path(mkdtemp(prefix="serve-"))

    async def open_source(self, index: int) -> str:
        """Open one of ``sources``; return the session's id.

        Raises:
            ValueError, OSError: The source does not exist or cannot be read, or too many sessions are open.
        """
        if not 0 <= index < len(self.sources):
            raise ValueError(f"there is no source {index}")
        return await self._open(
            self.source_names[index], lambda folder: asyncio.sleep(0, self.sources[index])
        )

    async def open_upload(self, name: str, chunks: AsyncIterator[bytes]) -> str:
        """Store an uploaded video and open it; return the session's id.

        Raises:
            RefusedUpload: The upload is too large, or not a readable video.
            ValueError: Too many sessions are open.
        """

        async def take(folder: Path) -> Path:
            return await receive(chunks, folder / "upload", self.limits.upload_bytes)

        try:
            return await self._open(Path(name).name[:120] or "upload", take)
        except (OSError, ValueError) as error:
            if isinstance(error, TooManySessions):
                raise
            reason = str(error).replace(str(self.folder), "")
            raise RefusedUpload(415, f"the video cannot be read: {reason}") from error

    async def _open(self, name: str, take: Callable) -> str:
        if len(self.sessions) + self._opening >= self.limits.sessions:
            raise TooManySessions(
                f"{self.limits.sessions} sources are open already, the most allowed here: close one first"
            )
        key = secrets.token_urlsafe(9)
        folder = self.folder / key
        folder.mkdir()
        self._opening += 1
        try:
            source = await take(folder)
            frames = await asyncio.to_thread(open_frames, source, folder / "camera")
            session = await asyncio.to_thread(Session, name, frames, self.trackers)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            self._opening -= 1
        self.sessions[key] = Live(session, folder)
        return key

    async def close(self, key: str) -> None:
        """Close a session, if it is open, and remove its files."""
        live = self.sessions.pop(key, None)
        if live is not None:
            await live.close()
            await asyncio.to_thread(shutil.rmtree, live.folder, ignore_errors=True)

    async def close_idle(self) -> None:
        """Close the sessions that had no page for ``idle_seconds``."""
        now = time.monotonic()
        for key, live in list(self.sessions.items()):
            if live.sockets:
                live.last_seen = now
            elif now - live.last_seen > self.limits.idle_seconds:
                await self.close(key)

    async def close_all(self) -> None:
        """Close every session and remove the temporary folder."""
        for key in list(self.sessions):
            with suppress(OSError, RuntimeError):
                await self.close(key)
        shutil.rmtree(self.folder, ignore_errors=True)


def name_source(source: str, sources: Sequence[str]) -> str:
    """Name a source of the command line by the last parts of its path, as many as tell it from the others.

    >>> name_source("otb/David/img", ["otb/David/img", "otb/Car4/img"])
    'David/img'
    """
    if source.isdecimal():
        return f"Camera {source}"
    parts = Path(source).absolute().parts
    others = [Path(one).absolute().parts for one in sources if one != source]
    last = next(n for n in range(1, len(parts) + 1) if parts[-n:] not in [one[-n:] for one in others])
    return "/".join(parts[-last:])


class TooManySessions(ValueError):
    """The limit of open sessions is reached."""
