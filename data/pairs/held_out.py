"""Clips that are kept out of training, recognised by whatever path or copy they come."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from data.datasets.clip import Clip
from data.files import sha256_of

_BySize = dict[int, list[tuple[Path, str]]]  # only files of one size need be read to be told apart


class HeldOut:
    """Clips that must not be trained on.

    A clip is one of them where its frames lie in one of their folders, links followed, or its first frame is one of
    theirs, byte for byte; a still image where it is any of their frames.

    Attributes:
        met: name of each that was asked for.
    """

    def __init__(self, clips: Iterable[Clip] = ()) -> None:
        named = [(clip, clip.name) for clip in clips]
        self._folders = {_real_folder(clip): name for clip, name in named}
        self._firsts = _by_size((clip.paths[0], name) for clip, name in named)
        self._frames = _by_size((path, name) for clip, name in named for path in clip.paths)
        self._digest = cache(sha256_of)
        self.met: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._folders)

    def has_clip(self, clip: Clip) -> bool:
        """Tell whether a clip is one of these; two clips with equal first frames count as one."""
        return self._meet(self._folders.get(_real_folder(clip)) or self._name(clip.paths[0], self._firsts))

    def has_image(self, path: Path) -> bool:
        """Tell whether an image is a frame of one of these clips."""
        return self._meet(self._name(path, self._frames))

    def has_first(self, sha256: str) -> bool:
        """Tell whether one of these clips has a first frame with this SHA-256."""
        firsts = (entry for entries in self._firsts.values() for entry in entries)
        return self._meet(next((name for path, name in firsts if self._digest(path) == sha256), None))

    def _name(self, path: Path, known: _BySize) -> str | None:
        same_size = known.get(_size(path), [])
        return next((name for other, name in same_size if self._digest(other) == self._digest(path)), None)

    def _meet(self, name: str | None) -> bool:
        if name is not None:
            self.met.add(name)
        return name is not None


def _by_size(files: Iterable[tuple[Path, str]]) -> _BySize:
    found: _BySize = {}
    for path, name in files:
        if (size := _size(path)) >= 0:
            found.setdefault(size, []).append((path, name))
    return found


def _size(path: Path) -> int:
    """Return the bytes of a file; -1 if it cannot be read."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _real_folder(clip: Clip) -> Path:
    return clip.paths[0].resolve().parent
