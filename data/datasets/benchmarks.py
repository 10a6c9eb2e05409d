"""Readers of the benchmarks that have a layout of their own.

The package got10k has loaders for most of these benchmarks. They are not used: those of LaSOT, TrackingNet and
VOT raise, and the others refuse a whole dataset because of one missing or inconsistent sequence. Tests compare the
readers here with got10k's where those work. The lists of LaSOT and UAV123 are read from got10k's files.
"""

import ast
import importlib.util
import json
import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data.datasets.base import DATASETS, Dataset, Reader, check_subset, collect
from data.datasets.box_files import parse_corners, parse_corners_of_region, parse_region, read_bboxes
from data.datasets.clip import Clip
from data.datasets.otb import read_otb
from data.files import read_text
from data.images import list_images, natural_order


@DATASETS.register("got10k")
def load_got10k(root: Path, subset: str | None) -> Dataset:
    """Read GOT-10k; by its rules, frames in which nothing of the target is visible (cover 0) have no box.

    Of the test subset only the first box is known: the others are NaN.
    """
    part = check_subset("got10k", subset, ("val", "train", "test"))
    folder = root / part
    if not folder.is_dir():
        raise FileNotFoundError(
            f"GOT-10k's {part} must be in {folder}: expected list.txt and GOT-10k_… there"
        )
    read = partial(_read_got10k, only_first=part == "test")
    readers = {name: _reader(read, folder / name) for name in _listed(folder, "GOT-10k_*")}
    return collect("got10k", "GOT-10k", root, readers, {"train": 9335, "val": 180, "test": 180}[part])


def _read_got10k(folder: Path, *, only_first: bool) -> Clip:
    paths, file = list_images(folder), folder / "groundtruth.txt"
    bboxes = read_bboxes(file)
    if only_first:
        bboxes = _first_of(bboxes, len(paths))
    cover = folder / "cover.label"
    if cover.is_file() and not only_first:
        visible = np.loadtxt(cover, ndmin=1)
        _check_rows(cover, len(visible), len(bboxes))
        bboxes[visible == 0] = np.nan
    size = re.search(r"^resolution: *(\(.*\))", _text(folder / "meta_info.ini"), re.MULTILINE)
    frame_wh = ast.literal_eval(size[1]) if size else None
    return Clip.matched(folder.name, paths, bboxes, file, frame_wh=frame_wh)


@DATASETS.register("lasot")
def load_lasot(root: Path, subset: str | None) -> Dataset:
    """Read LaSOT; by its rules, frames in which the target is out of view or fully hidden have no box."""
    names = _got10k_list("lasot.json")[check_subset("lasot", subset, ("test", "train"))]
    readers = {
        name: _reader(_read_lasot, root / name.rpartition("-")[0] / name, root / name) for name in names
    }
    return collect("lasot", "LaSOT", root, readers, len(names))


def _read_lasot(folder: Path) -> Clip:
    file = folder / "groundtruth.txt"
    bboxes = read_bboxes(file)
    for flags in (folder / "full_occlusion.txt", folder / "out_of_view.txt"):
        if flags.is_file():
            hidden = np.loadtxt(flags, delimiter=",", ndmin=1)
            _check_rows(flags, len(hidden), len(bboxes))
            bboxes[hidden == 1] = np.nan
    return Clip.matched(folder.name, list_images(folder / "img"), bboxes, file)


@DATASETS.register("trackingnet")
def load_trackingnet(root: Path, subset: str | None) -> Dataset:
    """Read TrackingNet; of the test subset only the first box is known: the others are NaN."""
    part = check_subset("trackingnet", subset, ("test", "train"))
    parts = ["TEST"] if part == "test" else [f"TRAIN_{number}" for number in range(12)]
    readers = {
        file.stem: _reader(
            partial(_read_trackingnet, file), root / place / "frames" / file.stem, root / place / file.stem
        )
        for place in parts
        for file in _sorted((root / place / "anno").glob("*.txt"))
    }
    return collect("trackingnet", "TrackingNet", root, readers, {"test": 511, "train": 30132}[part])


def _read_trackingnet(file: Path, folder: Path) -> Clip:
    paths, bboxes = list_images(folder), read_bboxes(file)
    bboxes = _first_of(bboxes, len(paths)) if len(bboxes) == 1 else bboxes
    return Clip.matched(file.stem, paths, bboxes, file)


@DATASETS.register("uav123")
def load_uav123(root: Path, subset: str | None) -> Dataset:
    """Read UAV123 (or subset UAV20L), whose sequences are parts of longer recordings."""
    part = check_subset("uav123", subset, ("UAV123", "UAV20L"))
    listed = _got10k_list("uav123.json")[part]
    readers: dict[str, Reader | None] = {}
    for name, about in listed.items():
        file = root / "anno" / part / f"{name}.txt"
        frames = range(about["start_frame"], about["end_frame"] + 1)
        read = partial(_read_numbered, name, file, frames)
        folder = root / "data_seq" / "UAV123" / about["folder_name"]
        readers[name] = _reader(read, folder) if file.is_file() else None
    return collect("uav123", part, root, readers, len(listed))


@DATASETS.register("tcolor128")
def load_tcolor128(root: Path, subset: str | None) -> Dataset:
    """Read Temple-Color 128, whose folders say in ``*_frames.txt`` which frames count."""
    check_subset("tcolor128", subset, ("all",))
    readers = {file.parent.name: partial(_read_tcolor, file) for file in _sorted(root.glob("*/*_gt.txt"))}
    return collect("tcolor128", "TColor128", root, readers, 128)


def _read_tcolor(file: Path) -> Clip:
    folder = file.parent
    ranges = _sorted(folder.glob("*_frames.txt"))
    numbers = re.findall(r"\d+", _text(ranges[0])) if ranges else []
    if len(numbers) != 2:
        raise ValueError(f"{folder} must hold a *_frames.txt with the first and the last frame")
    frames = range(int(numbers[0]), int(numbers[1]) + 1)
    return _read_numbered(folder.name, file, frames, folder / "img")


@DATASETS.register("nfs")
def load_nfs(root: Path, subset: str | None) -> Dataset:
    """Read Need for Speed at 240 or 30 frames a second; the boxes of 30 are every eighth of 240."""
    rate = check_subset("nfs", subset, ("240", "30"))
    readers: dict[str, Reader | None] = {
        file.stem: partial(_read_nfs, file) for file in _sorted(root.glob(f"*/{rate}/*.txt"))
    }
    if not readers and rate == "30":  # PyTracking's layout
        files = {file.stem.removeprefix("nfs_"): file for file in _sorted((root / "anno").glob("nfs_*.txt"))}
        readers = {
            name: _reader(partial(_read_flat_nfs, file), root / "sequences" / name)
            for name, file in files.items()
        }
    return collect("nfs", f"NfS/{rate}", root, readers, 100)


def _read_flat_nfs(file: Path, folder: Path) -> Clip:
    paths, bboxes = list_images(folder), read_bboxes(file)
    return Clip.matched(folder.name, paths, bboxes[: len(paths)], file)


def _read_nfs(file: Path) -> Clip:
    paths, bboxes = list_images(file.with_suffix("")), read_bboxes(file, parse_corners)
    if abs(len(bboxes) / len(paths) - 8) < 1:
        bboxes = bboxes[::8]
    if len(bboxes) == len(paths) + 1:
        bboxes = bboxes[:-1]
    return Clip.matched(file.stem, paths, bboxes, file)


@DATASETS.register("dtb70")
def load_dtb70(root: Path, subset: str | None) -> Dataset:
    """Read DTB70, which has OTB's layout."""
    check_subset("dtb70", subset, ("all",))
    folders = [file.parent for file in _sorted(root.glob("*/groundtruth_rect.txt"))]
    return collect("dtb70", "DTB70", root, {path.name: partial(read_otb, path) for path in folders}, 70)


@DATASETS.register("vot")
def load_vot(root: Path, subset: str | None) -> Dataset:
    """Read a short-term VOT challenge: ``list.txt``, frames flat or in ``color/``, rectangles or corners."""
    check_subset("vot", subset, ("all",))
    readers = {name: _reader(_read_vot, root / name) for name in _listed(root, "*")}
    return collect("vot", "VOT", root, readers, len(readers))


def _read_vot(folder: Path) -> Clip:
    images, file = folder / "color", folder / "groundtruth.txt"
    paths = list_images(images if images.is_dir() else folder)
    rows = read_text(file, "box file").split()
    corners = None
    if rows and all(row.count(",") == 7 for row in rows):
        corners = np.array([parse_corners_of_region(row.split(",")) for row in rows]) - 1.0
    flags = {tag.stem: "1" in read_text(tag).split() for tag in _sorted(folder.glob("*.tag"))}
    attributes = tuple(name for name, held in flags.items() if held)
    bboxes = read_bboxes(file, parse_region)
    return Clip.matched(folder.name, paths, bboxes, file, attributes=attributes, corners=corners)


def _reader(read: Callable[[Path], Clip], *folders: Path) -> Reader | None:
    """Bind ``read`` to the first of the folders that exists; None if none does."""
    folder = next((folder for folder in folders if folder.is_dir()), None)
    return partial(read, folder) if folder else None


def _read_numbered(name: str, file: Path, frames: range, folder: Path) -> Clip:
    """Read a sequence from the images of a folder whose names hold the numbers ``frames``."""
    numbers = {int(match[0]): path for path in list_images(folder) if (match := re.search(r"\d+", path.stem))}
    lacking = [frame for frame in frames if frame not in numbers]
    if lacking:
        raise ValueError(
            f"{folder} lacks {len(lacking)} of the {len(frames)} frames of {name}: {lacking[0]}, …"
        )
    return Clip.matched(name, [numbers[frame] for frame in frames], read_bboxes(file), file)


def _listed(folder: Path, pattern: str) -> list[str]:
    """Return the names in ``list.txt``, or without such a file those of the folders."""
    file = folder / "list.txt"
    if file.is_file():
        return _text(file).split()
    return [path.name for path in _sorted(folder.glob(pattern)) if path.is_dir()]


def _got10k_list(name: str) -> Any:
    """Read a list of sequences from a file of the package got10k, without importing it."""
    spec = importlib.util.find_spec("got10k")
    assert spec is not None
    assert spec.origin is not None
    return json.loads(_text(Path(spec.origin).parent / "datasets" / name))


def _first_of(bboxes: np.ndarray, length: int) -> np.ndarray:
    known = np.full((length, 4), np.nan)
    known[:1] = bboxes[:1]
    return known


def _check_rows(file: Path, got: int, expected: int) -> None:
    if got != expected:
        raise ValueError(f"{file} holds {got} values for {expected} boxes")


def _sorted(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=natural_order)


def _text(path: Path) -> str:
    return path.read_text("utf-8-sig") if path.is_file() else ""
