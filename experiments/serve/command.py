"""``python -m experiments serve``: a local page to track in."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tyro.conf import Positional

from experiments.command import Command

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from tracker import Tracker


@dataclass(kw_only=True)
class Serve(Command):
    """Open a local web page to track in: draw boxes, watch, correct, download boxes and video."""

    sources: Positional[tuple[str, ...]] = ()
    """Videos, folders of images and camera numbers that the page offers; it also takes uploads."""

    trackers: str = "fast,hog,gray"
    """The trackers that can be chosen, by name with commas between them, as in benchmark; the first is ticked."""

    weights: tuple[str, ...] = ()
    """Weights of a tracker as TRACKER=PATH."""

    host: str = "127.0.0.1"
    """Address to listen at. Another than 127.0.0.1 lets other machines in that know the URL; it is not encrypted."""

    port: int = 8765
    """Port to listen at; 0 for any free one."""

    upload_mb: int = 500
    """Largest video that may be uploaded, in MB."""

    device: str = "cpu"
    """cpu, cuda, cuda:1 …"""

    open: bool = False
    """Open the page in the browser."""

    def run(self) -> int:
        """Serve until Ctrl-C."""
        import secrets
        import webbrowser

        from aiohttp import web

        from experiments.serve.app import make_app
        from experiments.serve.desk import Desk, Limits

        self._check()
        trackers = self._builders()
        listening = self._listen()
        token = secrets.token_urlsafe(16)
        shown = f"[{self.host}]" if ":" in self.host else self.host
        url = f"http://{shown}:{listening.getsockname()[1]}/{token}/"
        print(f"Open {url} (Ctrl-C ends it; uploads are removed then)", flush=True)
        if self.host not in ("127.0.0.1", "::1", "localhost"):
            print("Other machines reach this page, unencrypted: whoever has this URL can use it.", flush=True)
        if self.open:
            webbrowser.open(url)
        desk = Desk(self.sources, trackers, Limits(upload_bytes=self.upload_mb << 20))
        web.run_app(make_app(desk, token), sock=listening, print=None, access_log=None, shutdown_timeout=2)
        return 0

    def _check(self) -> None:
        from pathlib import Path

        if missing := [one for one in self.sources if not one.isdecimal() and not Path(one).exists()]:
            raise FileNotFoundError(
                f"source does not exist: {missing[0]} (expected a video, a folder of images or a camera's number)"
            )
        if not 0 <= self.port <= 65535:
            raise ValueError(f"--port must be in 0…65535, got {self.port}")
        if self.upload_mb < 1:
            raise ValueError(f"--upload-mb must be at least 1, got {self.upload_mb}")

    def _builders(self) -> "dict[str, Callable[[], Tracker]]":
        """Name -> builder of the trackers; each is built once, so that an error is reported at the start."""
        from experiments.trackers.by_name import Description, build_available, parse_contenders

        contenders = parse_contenders(self.trackers, self.weights, self.device)
        return {described.label: one.build for one, described in build_available(contenders, Description)}

    def _listen(self) -> "socket.socket":
        import socket

        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            return socket.create_server((self.host, self.port), family=family)
        except OSError as error:
            raise OSError(
                f"cannot listen at {self.host}:{self.port}: {error.strerror or error}; give another --port, or 0"
            ) from error
