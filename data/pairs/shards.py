"""Tracklets in tar files, in the layout of WebDataset, with an index of the position of each crop.

A folder of shards holds ``shard-000000.tar``, …; for each its index ``shard-000000.npz``, …; ``manifest.json``,
which names them all; and ``SHA256SUMS`` for ``sha256sum -c``. A sample ``000017`` of a tar is ``000017.json`` (name
of the clip, numbers of the frames, boxes) and its crops ``000017.000.jpg``, ….

Training reads single crops in any order by their position in the tar, from a disk or by ranged requests over a
network.
"""

import hashlib
import io
import json
import math
import re
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.boxes import Floats
from data.files import replacing, sha256_of, write_text
from data.pairs.blobs import Blob, is_remote, read_blobs
from data.pairs.sources import View
from data.pairs.tracklets import Tracklet

FORMAT = "tracklet-shards-2"
MANIFEST = "manifest.json"
_COLUMNS = ("numbers", "bboxes", "starts", "stops", "digests")  # a row a crop
_SHARD_KEYS = ("url", "filesize", "index", "index_sha256")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_ARRAYS = ("names", "firsts", "counts", *_COLUMNS, "skipped", "sha256")


def write_shard(path: Path, first_key: int, tracklets: Sequence[Tracklet]) -> None:
    """Write a shard and then its index; a shard with an index is complete.

    The same tracklets give the same bytes.

    Args:
        path: Path of the tar file.
        first_key: Number of the first sample; numbers are unique over all shards.
        tracklets: The samples; a tracklet without any crop takes a number but is not stored.
    """
    places: list[tuple[int, int]] = []
    with replacing(path) as temporary:
        with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
            for key, tracklet in enumerate(tracklets, first_key):
                if tracklet.images:
                    places += _add_sample(tar, f"{key:06d}", tracklet)
        checksum = sha256_of(temporary)
    kept = [tracklet for tracklet in tracklets if tracklet.images]
    digests = [hashlib.sha256(image).digest() for tracklet in kept for image in tracklet.images]
    index: dict[str, NDArray[Any]] = {
        "names": np.array([tracklet.name for tracklet in kept], np.str_),
        "firsts": np.array([tracklet.first_sha256 for tracklet in kept], np.str_),
        "counts": np.array([len(tracklet.images) for tracklet in kept], np.int64),
        "numbers": np.concatenate([np.empty(0, np.int64), *(tracklet.numbers for tracklet in kept)]),
        "bboxes": np.concatenate([np.empty((0, 4)), *(t.bboxes for t in kept)]).astype(np.float32),
        "starts": np.array([start for start, _ in places], np.int64),
        "stops": np.array([stop for _, stop in places], np.int64),
        "digests": np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32),
        "skipped": np.array([message for tracklet in tracklets for message in tracklet.skipped], np.str_),
        "sha256": np.array(checksum),
    }
    with replacing(path.with_suffix(".npz")) as temporary:
        np.savez(temporary, allow_pickle=False, **index)


def _add_sample(tar: tarfile.TarFile, key: str, tracklet: Tracklet) -> list[tuple[int, int]]:
    """Add a tracklet; return start and stop of each of its crops in the tar."""
    names = [f"{key}.{number:03d}.jpg" for number in range(len(tracklet.images))]
    numbers, bboxes = tracklet.numbers.tolist(), tracklet.bboxes.round(3).tolist()
    about = {"name": tracklet.name, "files": names, "numbers": numbers, "bboxes": bboxes}
    _add(tar, f"{key}.json", json.dumps(about).encode())
    return [_add(tar, name, image) for name, image in zip(names, tracklet.images, strict=True)]


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> tuple[int, int]:
    """Add a file; return the positions of its first byte and of the byte after its last."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    start = tar.offset + tarfile.BLOCKSIZE  # behind its header, one block in this format
    tar.addfile(member, io.BytesIO(content))
    return start, start + len(content)


def is_complete(path: Path) -> bool:
    """Tell whether a shard and its index exist and match."""
    try:
        index = _read_index(path.with_suffix(".npz").read_bytes(), path)
        return sha256_of(path) == str(index["sha256"])
    except (OSError, ValueError):
        return False


def write_manifest(folder: Path, shards: Sequence[Path], about: dict[str, Any]) -> dict[str, Any]:
    """Write ``manifest.json`` and ``SHA256SUMS`` of complete shards and return the manifest's content.

    Raises:
        ValueError: No shard holds a crop.
    """
    listed: list[dict[str, Any]] = []
    sums: list[str] = []
    skipped: list[str] = []
    frames = 0
    for path in shards:
        place = path.with_suffix(".npz")
        index = _read_index(place.read_bytes(), place)
        frames += len(index["numbers"])
        skipped += index["skipped"].tolist()
        checksum = str(index["sha256"])
        about_shard = {"url": path.name, "filesize": path.stat().st_size, "sha256": checksum}
        about_index = {"index": place.name, "index_sha256": sha256_of(place)}
        sums += [f"{checksum}  {path.name}\n", f"{about_index['index_sha256']}  {place.name}\n"]
        listed.append({**about_shard, **about_index, "nsamples": len(index["counts"])})
    if not frames:
        raise ValueError(f"none of the frames could be used; the first: {skipped[0]}")
    tracklets = sum(shard["nsamples"] for shard in listed)
    counts = {"tracklets": tracklets, "frames": frames, "skipped": skipped}
    content = {"format": FORMAT, **about, **counts, "shards": listed}
    write_text(folder / "SHA256SUMS", "".join(sums))
    write_text(folder / MANIFEST, json.dumps(content, indent=1) + "\n")
    return content


@dataclass(frozen=True)
class ShardClips:
    """All tracklets of a manifest, in a few arrays.

    Attributes:
        urls: The shards.
        context: Side of the crops in ``sqrt(w h)`` of the target; infinite if the manifest does not state it.
        names: str ``(n,)``, names of the clips.
        firsts: str ``(n,)``, SHA-256 of the first image of each clip.
        shards: int64 ``(n,)``, the shard of each tracklet.
        ends: int64 ``(n,)``, the row after each tracklet's last crop in the arrays below.
        numbers: int64 ``(N,)``, of each crop the number of its frame in the clip.
        bboxes: float32 ``(N, 4)`` in pixels of the crops.
        starts: int64 ``(N,)``, position of each crop's first byte in its tar.
        stops: int64 ``(N,)``, position after each crop's last byte.
        digests: uint8 ``(N, 32)``, SHA-256 of each crop's bytes, checked whenever it is read.
        chosen: int64 ``(m,)``, indices of the tracklets that are not left out.
    """

    urls: tuple[str, ...]
    context: float
    names: NDArray[np.str_]
    firsts: NDArray[np.str_]
    shards: NDArray[np.int64]
    ends: NDArray[np.int64]
    numbers: NDArray[np.int64]
    bboxes: NDArray[np.float32]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    digests: NDArray[np.uint8]
    chosen: NDArray[np.int64]

    @classmethod
    def open(cls, manifest: str | Path) -> "ShardClips":
        """Read and check a manifest and its indices; crops are checked as they are read.

        Args:
            manifest: Path or URL of ``manifest.json``, or of its folder.

        Raises:
            OSError: A file cannot be read.
            ValueError: The file is no manifest, or a shard has another size than the manifest states.
        """
        content, folder = _read_manifest(str(manifest))
        shards = content["shards"]
        urls = tuple(f"{folder}/{shard['url']}" for shard in shards)
        if not is_remote(folder):
            for url, shard in zip(urls, shards, strict=True):
                _check_size(Path(url), shard["filesize"])
        places = [f"{folder}/{shard['index']}" for shard in shards]
        indices = []
        for place, shard, data in zip(places, shards, _read_all(places), strict=True):
            if hashlib.sha256(data).hexdigest() != shard["index_sha256"]:
                raise ValueError(f"{place} is not the index that its manifest names (SHA-256): copy it again")
            indices.append(_checked_index(_read_index(data, place), place, shard["filesize"]))
        joined: dict[str, Any] = {
            name: np.concatenate([index[name] for index in indices])
            for name in ("names", "firsts", "counts", *_COLUMNS)
        }
        counts = joined.pop("counts")
        return cls(
            urls=urls,
            context=content["settings"]["context"] if "settings" in content else math.inf,
            shards=np.repeat(np.arange(len(urls)), [len(index["counts"]) for index in indices]),
            ends=np.cumsum(counts),
            chosen=np.arange(len(counts)),
            **joined,
        )

    def without(self, unwanted: Callable[[str], bool]) -> "ShardClips":
        """Return the clips without those whose first image has an unwanted SHA-256."""
        kept = [index for index in self.chosen.tolist() if not unwanted(str(self.firsts[index]))]
        return replace(self, chosen=np.array(kept, np.int64))

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, index: Any) -> "ShardClip":
        """Return one tracklet."""
        index = int(self.chosen[index])
        return ShardClip(self, index, slice(int(self.ends[index - 1]) if index else 0, int(self.ends[index])))


class ShardClip(NamedTuple):
    """A tracklet in a shard, a `data.pairs.sources.PairClip`.

    Attributes:
        clips: All tracklets.
        number: Index of this one, of those that are left out too.
        rows: Its crops among those of all.
    """

    clips: ShardClips
    number: int
    rows: slice

    @property
    def name(self) -> str:
        """Name of the clip."""
        return str(self.clips.names[self.number])

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Numbers of the frames in the clip, int64 ``(n,)``."""
        return self.clips.numbers[self.rows]

    def view(self, index: int) -> View:
        """Return the view of one of the crops."""
        all_of, row = self.clips, self.rows.start + index
        place = int(all_of.starts[row]), int(all_of.stops[row])
        blob = Blob(all_of.urls[all_of.shards[self.number]], *place, all_of.digests[row].tobytes())
        bbox: Floats = all_of.bboxes[row].astype(np.float64)
        return View(f"{self.name}/{all_of.numbers[row]}", bbox, blob)


def _read_manifest(place: str) -> tuple[dict[str, Any], str]:
    """Read a manifest; return its content and the folder to which its names are relative."""
    if not place.endswith(".json"):
        place = f"{place.rstrip('/')}/{MANIFEST}"
    (data,) = _read_all([place])
    try:
        content = json.loads(data)
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        got = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise ValueError(
            f"{place} is no manifest of shards: expected a JSON file with format {FORMAT}, got {got}; shards of an "
            "earlier format do not say what they hold: prepare them again"
        )
    _check_manifest(content, place)
    folder = place.rpartition("/")[0]
    return content, folder if is_remote(place) else str(Path(folder or ".").absolute())


def _check_manifest(content: dict[str, Any], place: str) -> None:
    """Check what is taken from a manifest; a name in it is one of a file beside it and nothing else."""
    settings, shards = content.get("settings", {"context": 1.0}), content.get("shards")
    context = settings.get("context") if isinstance(settings, dict) else None
    if not isinstance(context, int | float) or not context >= 1:
        raise ValueError(f"{place} must say settings.context, a number of 1 or more, got {context!r}")
    if not isinstance(shards, list) or not shards:
        raise ValueError(f"{place} names no shard")
    for shard in shards:
        missing = [key for key in _SHARD_KEYS if not isinstance(shard, dict) or key not in shard]
        if missing:
            raise ValueError(f"{place} names a shard without {', '.join(missing)}: prepare the dataset again")
        for key in ("url", "index"):
            if not _FILE_NAME.fullmatch(str(shard[key])):
                raise ValueError(f"{place} must name files beside it, got {key} {shard[key]!r}")
        if not isinstance(shard["filesize"], int):
            raise ValueError(f"{place} must say filesize in bytes, got {shard['filesize']!r}")


def _checked_index(index: dict[str, NDArray[Any]], place: str, filesize: int) -> dict[str, NDArray[Any]]:
    """An index whose columns fit together, with boxes that are finite and crops that lie in the shard."""
    counts, boxes, starts, stops = (index[name] for name in ("counts", "bboxes", "starts", "stops"))
    rows, clips = len(index["numbers"]), len(counts)
    if (
        any(len(index[name]) != rows for name in _COLUMNS)
        or any(len(index[name]) != clips for name in ("names", "firsts"))
        or (counts < 1).any()
        or counts.sum() != rows
        or boxes.shape[1:] != (4,)
        or index["digests"].shape[1:] != (32,)
    ):
        raise ValueError(f"{place} is no index of a shard: its columns do not fit together")
    if not (np.isfinite(boxes).all() and (boxes[:, 2:] > 0).all()):
        wrong = boxes[~(np.isfinite(boxes).all(1) & (boxes[:, 2:] > 0).all(1))][0]
        raise ValueError(f"{place} must hold boxes that are finite and not empty, got {wrong.tolist()}")
    if not ((starts >= 0) & (starts < stops) & (stops <= filesize)).all():
        raise ValueError(f"{place} is no index of a shard: crops lie outside of its {filesize} bytes")
    return index


def _read_all(places: Sequence[str]) -> list[bytes]:
    found = []
    for place, data in zip(places, read_blobs([Blob(place) for place in places]), strict=True):
        if isinstance(data, Exception):
            raise OSError(f"cannot read {place}: {data}") from data
        found.append(data)
    return found


def _read_index(data: bytes, place: str | Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            if sum(member.file_size for member in arrays.zip.infolist()) > len(data):
                raise ValueError("it is compressed, as those of prepare are not")
            return {name: arrays[name] for name in _ARRAYS}
    except (
        KeyError,
        OSError,
        ValueError,
        EOFError,
        AttributeError,
        MemoryError,
        zipfile.BadZipFile,
    ) as error:
        raise ValueError(f"{place} is no index of a shard: {error}") from None


def _check_size(path: Path, expected: int) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"shard does not exist: {path}; copy it, or prepare the dataset again")
    if (got := path.stat().st_size) != expected:
        raise ValueError(
            f"shard {path} holds {got} bytes, its manifest says {expected}: "
            "copy it again, or delete it and prepare the dataset again"
        )
